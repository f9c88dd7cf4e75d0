/** What an operator may say to `html`. */
import { action } from '@postroad/options/zod'
import { z } from 'zod'

/** What each signal is worth. */
export const weights = z.strictObject({
  mismatch: action.default(1.5).describe('A link shows an address of another site than it leads to'),
  form: action.default(2).describe('A form: mail asks for nothing that way'),
  password: action.default(4).describe('A field for a password'),
  script: action.default(1).describe('A script: no mail client runs it, so it is for something else'),
  scheme: action.default(3).describe('A link with a program or a document in it: `javascript:`, `data:`, `file:`'),
  refresh: action.default(3).describe('It goes elsewhere by itself'),
  hidden: action.default(1.5).describe('More text is hidden than shown, and at least `hiddenFrom` characters'),
  splitWords: action.default(2).describe('Invisible characters within words, at least 5'),
  imageOnly: action.default(0.5).describe('Pictures, and nearly no text'),
})

/** The options of {@link html}. */
export const options = z.strictObject({
  weights: weights.prefault({}).describe('What each signal is worth'),
  hiddenFrom: z
    .int()
    .positive()
    .default(500)
    .describe('Hidden characters that are too many: the line that lists of mails show is shorter'),
  sameSite: z
    .array(z.string().min(1))
    .default([])
    .describe('Domains that lead through links of others, `click.example.com`, by the domain behind them: no mismatch'),
})

export type HtmlOptions = z.output<typeof options>
