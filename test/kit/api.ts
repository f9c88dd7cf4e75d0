/** `npm run api`: writes the reports of the public APIs, and the generated pages of the reference. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../structure/workspace.ts'
import { apiReports, REPORTS } from './api-report.ts'
import { referencePages } from './reference.ts'

const reports = apiReports()
mkdirSync(path.join(ROOT, REPORTS), { recursive: true })
for (const name of readdirSync(path.join(ROOT, REPORTS)).filter((one) => one.endsWith('.txt')))
  rmSync(path.join(ROOT, REPORTS, name))
for (const { file, text } of reports) writeFileSync(path.join(ROOT, file), text)
console.log(`${reports.length} reports in ${REPORTS}`)
for (const [file, text] of await referencePages()) {
  writeFileSync(path.join(ROOT, file), text)
  console.log(file)
}
