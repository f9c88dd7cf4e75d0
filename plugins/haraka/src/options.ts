/** What an operator may say to `haraka`. */
import { z } from 'zod'

const route = z.looseObject({ via: z.string().min(1) })

/** The options of {@link haraka}. */
export const options = z
  .strictObject({
    plugin: z
      .string()
      .min(1)
      .optional()
      .describe(
        'One plugin: the name of a package (`haraka-plugin-headers`, or `headers`), or the path of a file or folder (`./plugins/members.js`)',
      ),
    folder: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The folder of a Haraka, with `config` and `plugins` in it. Without `plugin` and `plugins` it runs what `config/plugins` lists, in that order',
      ),
    plugins: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Several plugins as one chain, as lines of `config/plugins`: each after the one before'),
    config: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The folder of their configuration files. Default: `config` in `folder`, or next to the configuration of the server',
      ),
    route: route
      .optional()
      .describe(
        'Where a recipient goes that a plugin says OK to at `rcpt`: `{ via: "queue" }`. Default: that is a question for `routing`',
      ),
    relay: route
      .optional()
      .describe('Where recipients go of a client whose `connection.relaying` a plugin has set. Default: as `route`'),
    facts: z
      .array(z.enum(['reverse-dns', 'spf', 'dkim']))
      .default([])
      .describe(
        'Facts that its results become for other plugins, where no other plugin finds them out: of `fcrdns`, `spf` and `dkim`',
      ),
    failOpen: z
      .boolean()
      .default(false)
      .describe(
        'What Haraka does: a plugin that throws lets the mail pass, as if it had nothing to say. Default: it has failed, and `onError` decides',
      ),
    alone: z
      .boolean()
      .default(false)
      .describe('It does not wait for the uses of `haraka` before it, and is asked at the same time as they are'),
    authResults: z
      .boolean()
      .default(true)
      .describe(
        'What plugins say by `auth_results` is written into an Authentication-Results field. Say no where the plugin `auth-results` writes one',
      ),
  })
  .refine(({ plugin, plugins, folder }) => plugin !== undefined || plugins !== undefined || folder !== undefined, {
    error: 'nothing is to be run: give `plugin`, `plugins` or `folder`',
  })
  .refine(({ plugin, plugins }) => plugin === undefined || plugins === undefined, {
    path: ['plugins'],
    error: 'is given beside `plugin`: say one of them',
  })

/** The options after validation. */
export type HarakaOptions = z.output<typeof options>
