/** Every call of the interface: its method, path and role, what it is asked with and what it answers. OpenAPI and the routes are made of this. */
import { z } from 'zod'
import { part, sentence } from './piece.ts'
import * as quarantine from './quarantine.ts'
import * as queue from './queue.ts'
import * as record from './record.ts'
import * as server from './server.ts'

/** One call. `answer` is JSON, but where `type` says otherwise. */
interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly access: 'public' | 'read' | 'operate' | 'admin'
  readonly summary: string
  readonly query?: z.ZodType
  /** JSON; `message/rfc822` where {@link Call.takes} says so. */
  readonly body?: z.ZodType
  readonly takes?: 'message/rfc822'
  readonly answer: z.ZodType
  readonly type?: 'text/html' | 'text/event-stream' | 'message/rfc822'
}

/** The table. The order is that of the description. */
export const calls = {
  status: {
    method: 'GET',
    path: '/v1/status',
    access: 'read',
    summary: 'How the server is, worker by worker',
    answer: server.status,
  },
  explain: {
    method: 'GET',
    path: '/v1/explain',
    access: 'read',
    summary: 'Scopes, listeners, hooks and waves',
    answer: server.explain,
  },
  listeners: {
    method: 'GET',
    path: '/v1/listeners',
    access: 'read',
    summary: 'Where it listens, and with which certificates',
    answer: server.listeners,
  },
  config: {
    method: 'GET',
    path: '/v1/config',
    access: 'read',
    summary: 'The configuration in force, and where each value comes from',
    answer: server.config,
  },
  logs: {
    method: 'GET',
    path: '/v1/logs',
    access: 'operate',
    summary: 'The last lines of the log, newest first',
    query: server.logsQuery,
    answer: server.logs,
  },
  doctor: {
    method: 'GET',
    path: '/v1/doctor',
    access: 'read',
    summary: 'What is wrong with this machine and the server’s names',
    query: server.doctorQuery,
    answer: server.doctor,
  },
  reload: {
    method: 'POST',
    path: '/v1/reload',
    access: 'admin',
    summary: 'Reads the configuration again, in all workers',
    body: z.strictObject({}),
    answer: server.reload,
  },
  audit: {
    method: 'GET',
    path: '/v1/audit',
    access: 'read',
    summary: 'Who did what, newest first',
    query: server.pageQuery,
    answer: server.audit,
  },

  events: {
    method: 'GET',
    path: '/v1/events',
    access: 'read',
    summary: 'Transactions while they happen',
    query: record.eventsQuery,
    answer: z.string(),
    type: 'text/event-stream',
  },
  trace: {
    method: 'GET',
    path: '/v1/trace',
    access: 'operate',
    summary: 'What is said on connections, line by line, while it is said: events line, skipped, joined',
    query: server.traceQuery,
    answer: z.string(),
    type: 'text/event-stream',
  },
  transactions: {
    method: 'GET',
    path: '/v1/transactions',
    access: 'read',
    summary: 'Transactions of the past, newest first',
    query: record.transactionsQuery,
    answer: record.transactions,
  },
  transaction: {
    method: 'GET',
    path: '/v1/transactions/:id',
    access: 'read',
    summary: 'All that is known of one',
    answer: record.transaction,
  },
  story: {
    method: 'GET',
    path: '/v1/stories/:id',
    access: 'read',
    summary: 'What became of a mail, from its first attempt on',
    answer: record.story,
  },
  series: {
    method: 'GET',
    path: '/v1/series',
    access: 'read',
    summary: 'Numbers over time',
    query: server.seriesQuery,
    answer: server.series,
  },
  summary: {
    method: 'GET',
    path: '/v1/summary',
    access: 'read',
    summary: 'Numbers of a span of time, and of the one before',
    query: server.spanQuery,
    answer: server.summary,
  },
  plugins: {
    method: 'GET',
    path: '/v1/plugins',
    access: 'read',
    summary: 'Opinions, time and failures by plugin',
    query: server.spanQuery,
    answer: server.plugins,
  },
  shadow: {
    method: 'GET',
    path: '/v1/plugins/:name/shadow',
    access: 'read',
    summary: 'What a plugin in shadow would have done',
    query: server.spanQuery,
    answer: server.shadow,
  },
  try: {
    method: 'POST',
    path: '/v1/try',
    access: 'operate',
    summary: 'What would happen to this message now; nothing does',
    query: server.tryQuery,
    takes: 'message/rfc822',
    answer: server.tried,
  },

  sites: {
    method: 'GET',
    path: '/v1/queue/sites',
    access: 'read',
    summary: 'The queue by destination',
    answer: queue.sites,
  },
  messages: {
    method: 'GET',
    path: '/v1/queue/messages',
    access: 'read',
    summary: 'Messages in the queue, oldest first',
    query: queue.messagesQuery,
    answer: queue.messages,
  },
  message: {
    method: 'GET',
    path: '/v1/queue/messages/:id',
    access: 'read',
    summary: 'One message: state and every attempt',
    answer: queue.message,
  },
  body: {
    method: 'GET',
    path: '/v1/queue/messages/:id/raw',
    access: 'operate',
    summary: 'Its octets',
    answer: z.string(),
    type: 'message/rfc822',
  },
  queueAction: {
    method: 'POST',
    path: '/v1/queue/actions',
    access: 'operate',
    summary: 'Does something to messages, or says what it would do',
    body: queue.actionBody,
    answer: z.union([queue.preview, queue.started]),
  },
  suspensions: {
    method: 'GET',
    path: '/v1/suspensions',
    access: 'read',
    summary: 'Destinations that are stopped',
    answer: queue.suspensions,
  },
  suspend: {
    method: 'POST',
    path: '/v1/suspensions',
    access: 'operate',
    summary: 'Stops a domain or a destination',
    body: queue.suspensionBody,
    answer: queue.suspended,
  },
  resume: {
    method: 'DELETE',
    path: '/v1/suspensions/:target',
    access: 'operate',
    summary: 'Starts it again',
    answer: queue.suspensions,
  },
  jobs: {
    method: 'GET',
    path: '/v1/jobs',
    access: 'read',
    summary: 'What is being done to many messages, and what was',
    answer: queue.jobs,
  },
  job: { method: 'GET', path: '/v1/jobs/:id', access: 'read', summary: 'One of these', answer: queue.started },
  stopJob: {
    method: 'POST',
    path: '/v1/jobs/:id/stop',
    access: 'operate',
    summary: 'Stops it where it is',
    body: z.strictObject({}),
    answer: queue.started,
  },

  quarantine: {
    method: 'GET',
    path: '/v1/quarantine',
    access: 'read',
    summary: 'What is set aside, newest first',
    query: quarantine.quarantineQuery,
    answer: quarantine.quarantined,
  },
  quarantineText: {
    method: 'GET',
    path: '/v1/quarantine/:id/text',
    access: 'operate',
    summary: 'One as text, without danger',
    answer: quarantine.text,
  },
  quarantineHtml: {
    method: 'GET',
    path: '/v1/quarantine/:id/html',
    access: 'operate',
    summary: 'One as a page in a cage: nothing runs, nothing is loaded',
    answer: z.string(),
    type: 'text/html',
  },
  quarantineRaw: {
    method: 'GET',
    path: '/v1/quarantine/:id/raw',
    access: 'operate',
    summary: 'Its octets',
    answer: z.string(),
    type: 'message/rfc822',
  },
  release: {
    method: 'POST',
    path: '/v1/quarantine/:id/release',
    access: 'operate',
    summary: 'Sends it on',
    body: quarantine.releaseBody,
    answer: quarantine.released,
  },
  deleteKept: {
    method: 'POST',
    path: '/v1/quarantine/:id/delete',
    access: 'operate',
    summary: 'Deletes it',
    body: quarantine.deleteBody,
    answer: quarantine.deleted,
  },
  learn: {
    method: 'POST',
    path: '/v1/quarantine/:id/learn',
    access: 'operate',
    summary: 'Teaches filters what it is',
    body: quarantine.learnBody,
    answer: quarantine.learned,
  },
  quarantineAction: {
    method: 'POST',
    path: '/v1/quarantine/actions',
    access: 'operate',
    summary: 'Releases or deletes many, or says what it would do',
    body: quarantine.quarantineActionBody,
    answer: z.union([quarantine.quarantinePreview, queue.started]),
  },
  digest: {
    method: 'POST',
    path: '/v1/quarantine/digest',
    access: 'operate',
    summary: 'Tells a recipient now what is kept of their mail, or shows what would be sent',
    body: quarantine.digestBody,
    answer: z.union([quarantine.digestPreview, quarantine.digestSent]),
  },

  session: { method: 'GET', path: '/v1/session', access: 'read', summary: 'Who asks', answer: server.session },
  login: {
    method: 'POST',
    path: '/v1/session',
    access: 'public',
    summary: 'A token for a cookie, for browsers',
    body: server.sessionBody,
    answer: server.session,
  },
  logout: {
    method: 'DELETE',
    path: '/v1/session',
    access: 'read',
    summary: 'The cookie is worth nothing any more',
    answer: z.object({ ok: z.literal(true) }),
  },
  tokens: {
    method: 'GET',
    path: '/v1/tokens',
    access: 'admin',
    summary: 'Names and roles of tokens',
    answer: server.tokens,
  },
  newToken: {
    method: 'POST',
    path: '/v1/tokens',
    access: 'admin',
    summary: 'Makes a token',
    body: server.tokenBody,
    answer: server.newToken,
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v1/tokens/:name',
    access: 'admin',
    summary: 'Revokes a token',
    answer: server.tokens,
  },
} as const satisfies Readonly<Record<string, Call>>

/** Events of `/v1/events`: their names, and what their data is. */
export const events = { ...record.events, status: server.status, job: queue.job, log: server.log } as const

/** Pieces of answers that have a name of their own in the description. */
export const shapes = {
  record: record.record,
  opinion: record.opinion,
  row: record.row,
  step: record.step,
  part,
  sentence,
  plugin: server.plugin,
  worker: server.worker,
  traceLine: server.traceLine,
  logLine: server.log,
  totals: server.totals,
  site: queue.site,
  queuedRow: queue.queuedRow,
  queueFilter: queue.queueFilter,
  preview: queue.preview,
  job: queue.job,
  kept: quarantine.kept,
  stretch: quarantine.stretch,
  attachment: quarantine.attachment,
} as const
