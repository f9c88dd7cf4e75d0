/** The table of signals in `docs/content.md`, made of the options of the plugins: `node test/content/signal-table.ts` writes it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attachments } from '@postroad/attachments'
import { headers } from '@postroad/headers'
import { html } from '@postroad/html'
import { mime } from '@postroad/mime'
import { urls } from '@postroad/urls'
import { toJSONSchema, type z } from 'zod'
import { listOptions, type OptionSchema } from '../docs/option.ts'
import { ROOT } from '../structure/workspace.ts'

/** The page. */
export const PAGE = join(ROOT, 'docs/content.md')
/** Where the table is in it. */
export const PLACE = /(?<=^## Every signal\n\n)\| Signal[\s\S]*?(?=\n\n)/m

const PLUGINS = { attachments, urls, html, headers, mime }

/** Heaviest first. */
export function signalTable(): string {
  const rows = Object.entries(PLUGINS).flatMap(([plugin, { schema }]) =>
    // `as`: the schemas of our own plugins are zod's, and the part of JSON Schema that is read here.
    listOptions(toJSONSchema(schema as unknown as z.ZodType, { io: 'input', unrepresentable: 'any' }) as OptionSchema)
      .filter(
        ({ name, byDefault }) => /^(?:weights|ambiguous)\.|^unreadable$/.test(name) && !Number.isNaN(Number(byDefault)),
      )
      .map(({ name, byDefault, description }) => ({ plugin, name, points: Number(byDefault), description })),
  )
  const sorted = rows.toSorted((a, b) => b.points - a.points)
  const lines = sorted.map(
    ({ plugin, name, points, description }) =>
      `| ${points} | \`${plugin}\` | \`${name}\` | ${description.replaceAll('|', '\\|')} |`,
  )
  return ['| Signal is worth | of | by its option | It is found when |', '|---|---|---|---|', ...lines].join('\n')
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(
    PAGE,
    readFileSync(PAGE, 'utf8').replace(PLACE, () => signalTable()),
  )
