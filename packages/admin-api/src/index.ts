/**
 * What the admin interface is asked and answers, as types: they cost a browser nothing. The schemas that they follow from are at
 * `@postroad/admin-api/zod`.
 *
 * `calls.ts` is the table of all calls: where to begin. Each has a method, a path, a role, what it is asked with and what it
 * answers. The routes of the plugin `admin`, its OpenAPI description and the types below are made of it, so a field is added in one
 * place. `piece.ts` has what many answers are made of: moments, replies, sentences in parts. `record.ts` is the past and the present of
 * mail: canonical records, rows, stories, live events. `queue.ts` and `quarantine.ts` are what an operator acts on; what meets
 * more than one message is asked twice, first as a preview, then with the token of that. `server.ts` is the rest: state, plugins,
 * numbers over time, configuration, log.
 *
 * Times are milliseconds since the epoch, durations milliseconds, sizes octets. What a server does not know is absent.
 */
export type { ApiAnswer, ApiBody, ApiCall, ApiEvent, ApiQuery, ApiShape } from './answer.ts'
