/**
 * For the process of a target: runs the TypeScript of `test/` from what `stripped.ts` has made of it. Node's own stripper would be part
 * of every target: 10 MB that no user has, and that decide when the collector of garbage runs.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const made = JSON.parse(readFileSync(process.env.BENCH_STRIPPED, 'utf8'))

registerHooks({
  load: (url, context, next) =>
    url in made
      ? { format: 'module', source: readFileSync(made[url], 'utf8'), shortCircuit: true }
      : next(url, context),
})
