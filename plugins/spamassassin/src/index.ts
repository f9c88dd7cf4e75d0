/** What SpamAssassin makes of mail. */
export { type SpamScan, spamassassinFact } from './judge.ts'
export { spamassassin } from './spamassassin.ts'
