/** `npm run docs`: writes the generated pages. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../structure/workspace.ts'
import { renderPages } from './page.ts'

for (const [path, text] of await renderPages()) {
  writeFileSync(join(ROOT, path), text)
  console.log(path)
}
