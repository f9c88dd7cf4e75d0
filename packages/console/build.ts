/** Builds the pages into `dist/page`: for each one script, one sheet, one document, all small, none from elsewhere. */
import { cpSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const PAGE = join(import.meta.dirname, 'page')
const OUT = join(import.meta.dirname, 'dist/page')

mkdirSync(OUT, { recursive: true })
await build({
  entryPoints: { console: join(PAGE, 'main.tsx'), catch: join(PAGE, 'catch/main.tsx') },
  bundle: true,
  minify: true,
  format: 'iife',
  // `light-dark()` and container queries stand in the sheet: browsers that know them know this.
  target: ['chrome123', 'firefox121', 'safari17.5'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  outdir: OUT,
})
await build({
  entryPoints: [join(PAGE, 'console.css'), join(PAGE, 'catch/catch.css')],
  bundle: true,
  minify: true,
  outdir: OUT,
  entryNames: '[name]',
})
for (const name of ['index.html', 'icon.svg', 'catch/catch.html']) cpSync(join(PAGE, name), join(OUT, basename(name)))
