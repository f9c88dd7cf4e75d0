/** `npm run senders [-- MAILS]`: a day of 100,000 mails to 50 receivers; prints what became of them, and ends with 1 when somebody is wrongly on the list, or not on it. */
import { runDay } from './day.ts'

const mails = Number(process.argv[2] ?? 100_000)
if (!Number.isInteger(mails) || mails < 1_000) {
  process.stderr.write('npm run senders -- MAILS: a number from 1000 on\n')
  process.exit(2)
}
const report = await runDay({ mails, log: (text) => process.stdout.write(`${text}\n`) })
const { missed, wronged, forged, again, ...rest } = report
process.stdout.write(
  `${JSON.stringify({ ...rest, forged, again, missed: missed.length, wronged: wronged.length }, null, 2)}\n`,
)
for (const one of [...missed.slice(0, 20), ...wronged.slice(0, 20)]) process.stdout.write(`wrong: ${one}\n`)
const isWell =
  missed.length + wronged.length === 0 &&
  [forged, again.refused, again.taken].every(([asked, answered]) => asked === answered) &&
  report.complaintMs < 60_000
process.exitCode = isWell ? 0 : 1
