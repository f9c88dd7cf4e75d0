/** A plugin in shadow: what it would have done, and whom that would have met. The page proposes; the operator changes the configuration. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Path } from '../part/address.tsx'
import { Mirror } from '../part/mirror.tsx'
import { Say } from '../part/opinion.tsx'
import { Visible } from '../part/visible.tsx'
import { post } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { linkTo } from '../state/route.ts'
import { may } from '../state/session.ts'
import { copy, tell } from '../state/toast.ts'
import { ageOf, number, whenOf } from '../word.ts'

const WORDS: Readonly<Record<string, string>> = {
  reject: 'refused',
  defer: 'deferred',
  quarantine: 'quarantined',
  discard: 'discarded',
}

/** The card. */
export function Shadow({ plugin, span }: { plugin: ApiShape<'plugin'>; span: string }) {
  const { answer } = useAsked<ApiAnswer<'shadow'>>(
    may('shadow') ? `v1/plugins/${encodeURIComponent(plugin.name)}/shadow?span=${span}` : undefined,
    60_000,
  )
  const [proposal, setProposal] = useState<ApiAnswer<'proposal'> | undefined>(undefined)
  const propose = async (): Promise<void> => {
    try {
      const made = await post<ApiAnswer<'proposal'>>('v1/proposals', { plugin: plugin.name, mode: 'enforce' })
      setProposal(made)
      tell(
        made.written === undefined
          ? 'Nothing has changed; this is what to write.'
          : `Written to ${made.written}; nothing has changed yet.`,
      )
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
  }
  if (answer === undefined) return null
  const { would, ofThese, steps, disputed, seen, since } = answer
  const sum = Object.values(would).reduce((total, count) => total + count, 0)
  const difference = proposal?.difference ?? answer.proposal
  return (
    <article class="card shadowcard" aria-label={`${plugin.name} in shadow`}>
      <div>
        <p class="eyebrow">
          <Say kind="reject" word="shadow" isShadow /> <b>{plugin.name}</b>
          {since !== undefined && ` since ${whenOf(since)}, ${ageOf(Date.now() - since)}`}
        </p>
        <h2>
          {sum === 0 ? (
            <>It has seen {number(seen)} and would have turned away none.</>
          ) : (
            <>
              Would have{' '}
              {Object.entries(would)
                .filter(([, count]) => count > 0)
                .map(([kind, count], n) => (
                  <>
                    {n > 0 && ', '}
                    {WORDS[kind] ?? kind} <b>{number(count)}</b>
                  </>
                ))}
              ; <b>{number(ofThese.accepted)}</b> of them were accepted by all others.
            </>
          )}
        </h2>
        <p>
          {number(ofThese.turnedAwayByOthers)} were turned away by others anyway
          {ofThese.quarantined > 0 && `, ${number(ofThese.quarantined)} quarantined`}
          {ofThese.delivered !== undefined && `; ${number(ofThese.delivered)} were delivered`}.
          {disputed.length > 0 && ' Look at these before you enforce it.'}
        </p>
        {disputed.length > 0 && (
          <ul class="two">
            {disputed.slice(0, 5).map((row) => (
              <li>
                <a href={linkTo('why', { id: row.id })}>
                  <span class="who">
                    <Path from={row.from} to={row.to} />
                  </span>
                </a>
                <small dir="auto">{row.subject !== undefined && <Visible text={row.subject} />}</small>
              </li>
            ))}
          </ul>
        )}
        {may('proposal') && (
          <p class="acts">
            <button type="button" class="btn primary" onClick={propose}>
              Propose enforcing it…
            </button>
          </p>
        )}
      </div>
      <div class="vis">
        {steps !== undefined && (
          <>
            <div
              class="chart mid"
              role="img"
              aria-label={`What ${plugin.name} would have done: ${number(sum)} in ${steps.would.length} steps of ${ageOf(steps.stepMs)}`}
            >
              <Mirror
                bars={steps.would.map((count, n) => ({
                  shadow: count - (steps.agreed[n] ?? 0),
                  reject: steps.agreed[n] ?? 0,
                }))}
                width={480}
                height={92}
                up={[]}
                down={['reject', 'shadow']}
              />
            </div>
            <ul class="legend">
              <li>
                <i class="k shadow" />
                it alone
              </li>
              <li>
                <i class="k reject" />
                others too
              </li>
            </ul>
          </>
        )}
        {difference !== undefined && <Difference text={difference} file={proposal?.file} />}
      </div>
    </article>
  )
}

function Difference({ text, file }: { text: string; file: string | undefined }) {
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and who has no mouse scrolls by keys */}
      <pre class="diff" tabIndex={0}>
        {text.split('\n').map((line) => {
          const end = `${line}\n`
          if (line.startsWith('+') && !line.startsWith('+++')) return <ins>{end}</ins>
          if (line.startsWith('-') && !line.startsWith('---')) return <del>{end}</del>
          return <span>{end}</span>
        })}
      </pre>
      <p class="note">
        {file}{' '}
        <button type="button" class="link" onClick={() => copy(text, 'the difference')}>
          Copy
        </button>
      </p>
    </>
  )
}
