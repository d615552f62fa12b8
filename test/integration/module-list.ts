/**
 * Loaded before a program (`--import`): writes the addresses of all modules that it loaded, by import or by
 * require, into the file named by MODULE_LIST when it exits.
 */

import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const modules: string[] = [];
registerHooks({
  load(url, context, next) {
    modules.push(url);
    return next(url, context);
  },
});
process.once('exit', () => writeFileSync(process.env['MODULE_LIST'] ?? '', JSON.stringify(modules)));
