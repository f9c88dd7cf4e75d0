/**
 * Reports that domains ask for: how their mail was authenticated (DMARC, RFC 9990), and how TLS with their hosts went (RFC 8460).
 *
 * Both kinds go the same way. A plugin counts (ledger.ts), once a day has ended and at a time of its own each domain's report is made and sent
 * (rounds.ts, courier.ts), and whoever gets one reads it (read-report.ts).
 *
 *   ledger.ts        rows by day and domain: in memory for a minute, then in the store
 *   rounds.ts        what is due, by one process at a time
 *   courier.ts       by mail through a listener of ours, or to a web server; each destination once
 *   commands.ts      list, show, send
 *   destination.ts   `rua`: where a domain wants its reports, and how large they may be
 *   dmarc/, tls/     the two kinds: as values, as XML or JSON
 *   unpack.ts        gzip and zip of strangers, within bounds
 *
 * What strangers write is read without a document type, without entities, and never deeper or longer than a report is.
 *
 * Where to begin: ledger.ts, then rounds.ts; for reading, read-report.ts.
 */
export { reportCommands } from './commands.ts'
export { addressOf, ReportCourier } from './courier.ts'
export { rangeOf } from './day.ts'
export { destinationsOf, type ReportDestination, tagsOf } from './destination.ts'
export type { DmarcPublished, DmarcReason, DmarcRecord, DmarcReport } from './dmarc/model.ts'
export { writeDmarcReport } from './dmarc/write.ts'
export { ReportLedger } from './ledger.ts'
export { type ReadReport, readReport } from './read-report.ts'
export { type DueReport, ReportRounds, type RoundOutcome } from './rounds.ts'
export { writeTlsReport } from './tls/json.ts'
export type { TlsReport, TlsReportFailure, TlsReportPolicy, TlsReportPolicyType } from './tls/model.ts'
