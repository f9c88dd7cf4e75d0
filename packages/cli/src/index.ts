/**
 * The package `postroad`: what a configuration imports, and the command. What plugin authors need is in `@postroad/plugin`.
 *
 * A configuration is a module that calls `defineConfig`, or YAML or JSON of the same shape. A program of one's own hands it to
 * `createServer` (`create-server.ts`), which gives the engine (`@postroad/core`) the services of the command. The command goes this way:
 *
 *   main.ts      the commands by name, the exit codes, and how an error is told
 *   command/     one file a command (`start.ts`, `check.ts`, `explain.ts`, `try.ts` …), and what only it needs beside it
 *   open.ts      from the path of a configuration to a server that does not listen yet; most commands begin with it
 *   config/      finds and reads the file; a reload reads anew every module that it imports by path
 *   services.ts  the services that a server has without a plugin: those of `@postroad/embedded`, and the resolver of `@postroad/dns`
 *   rehearsal/   what stands in for services when nothing may stay or be seen by others, for `postroad try`
 *
 * `start` with several processes is `command/workers.ts`: a supervisor that opens the sockets, replaces a worker that died and asks
 * each for signs of life (`command/watchdog.ts`).
 *
 * To begin reading, take `command/check.ts`, the shortest way from a file to an answer, then `open.ts` and `command/start.ts`.
 */
export { type App, BootError, type Config, defineConfig, guardProcess, type Server } from '@postroad/core'
export { loadConfig } from './config/load.ts'
export { createServer } from './create-server.ts'
