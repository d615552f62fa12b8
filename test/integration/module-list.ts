/**
 * Loaded before a program (`--import`). When the program exits, it writes the URLs of all loaded modules (by import or
 * require) into the file named by MODULE_LIST.
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
