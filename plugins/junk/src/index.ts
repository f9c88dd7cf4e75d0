/**
 * A spam filter that learns from what users call spam and ham, says why it thinks so, and is held to a budget of wanted mail.
 *
 *   junk.ts              the plugin: hooks, routes, commands put together
 *   judge.ts, fact.ts    from scores to verdicts, opinions, and what the log has
 *   mind.ts, own-corrections.ts   all that was learned, as a pure function of the journal; tally.ts counts its errors
 *   keeper.ts            follows the journal, writes the mind down, makes it anew when lessons are undone
 *   journal.ts, lesson.ts, state-file.ts  lessons in their order, and the mind; redis-journal.ts the same for several nodes (redis-junk.ts)
 *   teacher.ts           from octets to a lesson; content-key.ts knows a message in all its copies, known-facts.ts what other plugins said
 *   learning-address.ts, maildir-watch.ts, route.ts, command.ts  the ways to teach
 *
 * The numbers are those of `@postroad/learn`; here is what makes a filter of them that several processes share, and that survives them.
 *
 * Where to begin: junk.ts, then mind.ts.
 */
export { type JunkFact, junkFact } from './fact.ts'
export { junk } from './junk.ts'
export { redisJunk } from './redis-junk.ts'
