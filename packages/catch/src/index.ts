/**
 * Catches all mail of programs under development: it takes everything and delivers nothing. For a person `postroad catch` has a page, for
 * programs a REST API as Mailpit's, for tests `catchMail()`.
 *
 * Where to begin: start.ts, which puts it together.
 *
 *   inbox.ts          the inbox of a test; mail.ts what it gives
 *   command.ts        `postroad catch`
 *   start.ts          the server: a configuration made of plugins, and its listeners
 *   taker.ts          the plugin that takes everything; strict.ts what refuses with `--like strict`; checks.ts SPF, DKIM, DMARC
 *   entry.ts          what is kept of a message for lists; collection.ts where: an index (SQLite) and one file a message
 *   query.ts          from what somebody types to a condition of the index
 *   api.ts            lists and actions; message-calls.ts one message; live.ts what happens as it does; shape.ts, send.ts Mailpit's shapes
 *   view.ts           the HTML of a mail, for a sandbox
 *   own-site.ts       keeps pages of other sites out
 *
 * The page stands in `@postroad/console`, because it is made of its parts.
 */
export { type CatchOptions, catchMail, type Inbox, type MailFilter } from './inbox.ts'
export type { CaughtMail } from './mail.ts'
