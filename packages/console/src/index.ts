/**
 * The page of the admin API as static files: what an operator sees of a Postroad server in a browser.
 *
 * This module is the server's side of it, and small: the plugin `admin` calls `readConsole()` once and serves what is in the map, and nothing
 * else, so that no path of a request ever becomes a path of a file. `CONSOLE_POLICY` goes with each of the files: no script but ours, nothing
 * from another origin, no frame around the page.
 *
 * The page itself stands in `page/` (TypeScript, Preact, signals; built by `build.ts` with esbuild into `dist/page`). All it knows it
 * asks of `v1/…`, relative to its own address, and the types of the answers are those of `@postroad/admin-api`. It draws what an answer has:
 * what the server does not know has no place on it.
 *
 * The page of `postroad catch` is made of the same parts, and stands in `page/catch`: `readConsole('catch')`.
 *
 * Begin with `page/main.tsx`: the frame, the screens and the keys.
 */
export { CONSOLE_POLICY, type ConsoleFile, readConsole } from './files.ts'
