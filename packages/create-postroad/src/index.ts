/** Begins a Postroad plugin: a folder, or one file in a project that is there. */
export { describeScaffold, type Scaffold, type Scaffolded, scaffold } from './scaffold.ts'
