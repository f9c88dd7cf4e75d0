/** What an operator may say to `rspamd`. */
import { duration, globPattern, listOf } from '@postroad/options/zod'
import { daemonOf, scannerOptions } from '@postroad/upstream/zod'
import { z } from 'zod'
import { isPublicKey } from './httpcrypt.ts'

const worth = z.union([
  z.number(),
  z.enum(['reject', 'defer', 'disconnect', 'quarantine', 'discard', 'greylist', 'none']),
])

const publicKey = z.string().refine(isPublicKey, {
  error: ({ input }) =>
    `${JSON.stringify(input)} is no public key of rspamd: the 52 letters behind pubkey that \`rspamadm keypair\` writes`,
})

/** What each action is worth unless the operator says otherwise. */
export const ACTIONS: ReadonlyMap<string, RspamdWorth> = new Map([
  ['no action', 'none'],
  ['greylist', 'greylist'],
  ['add header', 'none'],
  ['rewrite subject', 'none'],
  ['soft reject', 'defer'],
  ['reject', 'reject'],
  ['quarantine', 'quarantine'],
  ['discard', 'discard'],
])

/** The options of {@link rspamd}. */
export const options = z
  .strictObject({
    ...scannerOptions({ at: '127.0.0.1:11333', port: 11_333, deadline: '20 s', maxSize: '50 MiB', atOnce: 50 }),
    trust: z
      .enum(['action', 'score'])
      .default('action')
      .describe(
        "Whose thresholds count: `action` does what rspamd says; `score` makes points of its score, for the scope's own thresholds. A soft reject defers in both",
      ),
    weight: z.number().positive().default(1).describe('Points of ours for a point of rspamd, with `trust: "score"`'),
    actions: z
      .record(z.string(), worth)
      .default({})
      .describe(
        'What an action of rspamd is worth, where it is not what its name says: `{ reject: "quarantine" }`; points, `reject`, `defer`, `disconnect`, `quarantine`, `discard`, `greylist` (deferred until it comes again), `none`. An action of your own rules needs its line here',
      ),
    symbols: z
      .record(globPattern, worth)
      .default({})
      .describe('What it is worth besides when a symbol was found: `{ CLAM_VIRUS: "reject", "DBL_*": 2 }`'),
    greylist: duration
      .prefault('5 min')
      .describe(
        'How long mail is deferred that rspamd wants greylisted; it is let through when it comes again after that',
      ),
    headers: listOf(globPattern)
      .default(['*'])
      .describe('Names of the header fields that rspamd may add and remove; an empty list: none'),
    body: z.boolean().default(true).describe('Rspamd may give a message another body'),
    envelope: z.boolean().default(true).describe('Rspamd may change the sender, and add and remove recipients'),
    spamHeader: z
      .string()
      .min(1)
      .default('X-Spam')
      .describe('Field that says `Yes` where the action is `add header`, with `trust: "action"`'),
    strip: listOf(globPattern)
      .default(['X-Spam', 'X-Spam-*', 'X-Spamd-*', 'X-Rspamd-*'])
      .describe('Fields that the sender must not bring: they are not shown to rspamd, and removed'),
    settings: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'Settings of rspamd for this mail: `{ symbols_disabled: ["R_SPF_FAIL"] }`, `{ actions: { reject: 20 } }`',
      ),
    settingsId: z.string().min(1).optional().describe('Name of settings in the configuration of rspamd'),
    authentication: z
      .enum(['rspamd', 'postroad'])
      .default('rspamd')
      .describe(
        'Who checks SPF, DKIM, ARC and DMARC for the score of rspamd: `rspamd` itself, at the same time as our plugins; `postroad` waits for our plugins and tells their results, so that nothing is asked twice',
      ),
    perRecipient: z
      .enum(['address', 'domain'])
      .optional()
      .describe(
        'Ask for each recipient, or each recipient\'s domain, by itself, for their own settings; the verdicts are of those recipients. Needs `trust: "action"`',
      ),
    key: publicKey
      .optional()
      .describe(
        'Public key of the daemons (`pubkey` of `rspamadm keypair`): question and answer are encrypted, and an answer of who does not have the private key is none. For daemons on other machines; several have the same one',
      ),
    zstd: z.boolean().default(false).describe('Compress what is sent and answered; for daemons on other machines'),
    mtaName: z.string().min(1).optional().describe('What rspamd is told as the name of this server. Default: its name'),
    mtaTag: z.string().min(1).optional().describe('A tag for the rules of rspamd (`MTA-Tag`)'),
    passAll: z.boolean().default(false).describe('Rspamd runs all checks, also when the verdict is certain'),
    controller: z
      .strictObject({
        at: daemonOf(11_334).prefault('127.0.0.1:11334').describe('Where the controller of rspamd listens'),
        key: publicKey.optional().describe('Its public key: what is sent to it is encrypted'),
        password: z
          .string()
          .optional()
          .describe('Its `enable_password`; none is needed from an address of its `secure_ip`'),
      })
      .prefault({})
      .describe('The controller of rspamd, which learns'),
  })
  .refine(({ settings, settingsId }) => !settings || !settingsId, {
    path: ['settingsId'],
    error: 'rspamd ignores settingsId where there are settings: write one of them',
  })
  .refine(({ authentication, settingsId }) => authentication === 'rspamd' || !settingsId, {
    path: ['settingsId'],
    error: 'authentication: "postroad" needs the settings of rspamd, with which it ignores settingsId: use settings',
  })
  .refine(({ perRecipient, trust }) => !perRecipient || trust === 'action', {
    path: ['perRecipient'],
    error: 'perRecipient needs trust: "action": points are those of the whole message',
  })

export type RspamdOptions = z.output<typeof options>
/** What an action or a symbol is worth. */
export type RspamdWorth = z.output<typeof worth>
