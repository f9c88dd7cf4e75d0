/**
 * The records of a server, and the stories that they tell.
 *
 * Begin to read at `records.ts`: what is kept of the service `Feed`, and all questions. `record.ts` is what a record is when it is read,
 * `words.ts` the words by which it is found: the same rule makes those of a record and those of a question.
 *
 * `store/` is the disk: `record-chunk.ts` holds what waits, as octets, `writer.ts` appends it to segments of its own process, `block.ts` is their index (a filter of words for each 64 records),
 * `reader.ts` searches those of all processes, `retention.ts` deletes what is old.
 *
 * `stats/` keeps numbers by the minute, so that a picture costs no look at a record.
 *
 * `story/` says why: how a transaction ended, which records belong to one mail, and what became of it as a sentence.
 *
 * `log-source.ts` answers the same questions from a log.
 */
export { logSource } from './log-source.ts'
export type { StoredRecord } from './record.ts'
export {
  findById,
  MailRecords,
  openRecords,
  type RecordOptions,
  type SearchQuery,
  type SpanQuery,
  transactionOf,
} from './records.ts'
export type { RecordSource } from './source.ts'
export { RecordReader } from './store/reader.ts'
export { outcomeOf, rowOf } from './story/outcome.ts'
export { plainText } from './story/plain.ts'
export { transactionSentence } from './story/sentence.ts'
export { type Story, storyOf } from './story/story.ts'
export { wantedOf } from './words.ts'
