/** One mail in a line: when, how it ended, whose, and the reply. */
import type { ApiShape } from '@postroad/admin-api'
import { Path } from '../part/address.tsx'
import { cssOf, Say } from '../part/opinion.tsx'
import { Visible } from '../part/visible.tsx'
import { dayOf, timeOf } from '../word.ts'

/** The line. */
export function RowLine({ row }: { row: ApiShape<'row'> }) {
  const [, code = '', text = ''] = /^(\d{3}(?: |$))?(.*)$/s.exec(row.reply) ?? []
  return (
    <>
      <time>
        {dayOf(row.at)} {timeOf(row.at).slice(0, 5)}
      </time>
      <Say kind={row.outcome} />
      <span class="who">
        {row.from === undefined ? (
          <code>{row.remote}</code>
        ) : (
          <Path from={row.from} to={row.to} more={row.recipients - row.to.length} />
        )}
      </span>
      <span class="rep">
        <b class={cssOf(row.outcome)}>{code.trim()}</b>
        <bdi>
          <Visible text={row.outcome === 'accepted' ? (row.subject ?? text) : text} />
        </bdi>
      </span>
    </>
  )
}
