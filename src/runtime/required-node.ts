/**
 * Fails where the library cannot work, when it is imported: an older Node.js would fail at an elector's start with the name of
 * a function that it lacks. The function decides, not a version, since Bun and Deno count otherwise.
 */

if (typeof Promise.withResolvers !== 'function') {
  throw new Error(`lease-elector needs Node.js 22.19 or later, but runs in ${process.version}. Upgrade Node.js`);
}
