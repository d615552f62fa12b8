/**
 * Throws on import if the library cannot work in this runtime. Otherwise an older Node.js would fail when an elector
 * starts, with the name of a missing function. The check is for the function and not for a version, because Bun and
 * Deno have other version numbers.
 */

if (typeof Promise.withResolvers !== 'function') {
  throw new Error(`lease-elector needs Node.js 22.19 or later, but runs in ${process.version}. Upgrade Node.js`);
}
