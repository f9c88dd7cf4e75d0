/**
 * The beginning of a Postroad plugin: a folder of its own that passes its tests at once, or one file in a project that is there. And that of a
 * server, a filter or a program (server.ts), for the command alone.
 *
 * `npm create postroad` is `bin.ts`; `postroad plugin new` calls the same function. Both do two things:
 *
 *   scaffold           copies the folder `template/` under another name, and writes the versions this package was tested with
 *   describeScaffold   says to people what was written and what to do next
 *
 * The template is a plugin like any other, and its tests run with those of the repository: what is copied is known to work. Nothing that is
 * there already is overwritten.
 *
 * Where to begin: the template (`template/package/src/my-plugin.ts`), because it is what somebody gets; then scaffold.ts.
 */
export { describeScaffold, scaffold } from './scaffold.ts'
