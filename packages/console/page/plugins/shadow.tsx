/** A plugin in shadow: what it would have done, and whom that would have met. The page says where to change that; the operator does. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { Path } from '../part/address.tsx'
import { Mirror } from '../part/mirror.tsx'
import { Say } from '../part/opinion.tsx'
import { Visible } from '../part/visible.tsx'
import { useAsked } from '../state/asked.ts'
import { linkTo } from '../state/route.ts'
import { may } from '../state/session.ts'
import { ageOf, number, plural, whenOf } from '../word.ts'

const WORDS: Readonly<Record<string, string>> = {
  reject: 'refused',
  defer: 'deferred',
  quarantine: 'quarantined',
  discard: 'discarded',
  suspect: 'given points to',
}

const AGAINST: ReadonlySet<string> = new Set(['reject', 'defer', 'quarantine', 'discard'])

/** The card. */
export function Shadow({ plugin, span }: { plugin: ApiShape<'plugin'>; span: string }) {
  const { answer } = useAsked<ApiAnswer<'shadow'>>(
    may('shadow') ? `v1/plugins/${encodeURIComponent(plugin.name)}/shadow?span=${span}` : undefined,
    60_000,
  )
  const config = useAsked<ApiAnswer<'config'>>(may('config') ? 'v1/config' : undefined).answer
  if (answer === undefined) return null
  const { would, ofThese, steps, disputed, seen, from } = answer
  const sum = Object.values(would).reduce((total, count) => total + count, 0)
  // Points turn nobody away by themselves: what became of that mail says nothing of them.
  const against = Object.entries(would).reduce((total, [kind, count]) => total + (AGAINST.has(kind) ? count : 0), 0)
  // Of several scopes that use it in shadow each has a place of its own.
  const places =
    config?.values.filter(({ path, value }) => value === 'shadow' && path.endsWith(`.use.${plugin.name}.mode`)) ?? []
  return (
    <article class="card shadowcard" aria-label={`${plugin.name} in shadow`}>
      <div>
        <p class="eyebrow">
          <Say kind="reject" word="shadow" isShadow />
          <span>
            <b>{plugin.name}</b>, counted since {whenOf(from)}
          </span>
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
              {against === 0 ? (
                ', and turned nobody away by itself.'
              ) : (
                <>
                  ; the others accepted{' '}
                  {ofThese.accepted === against ? (
                    <>
                      <b>all</b> of them.
                    </>
                  ) : (
                    <>
                      <b>{ofThese.accepted === 0 ? 'none' : number(ofThese.accepted)}</b> of those turned away.
                    </>
                  )}
                </>
              )}
            </>
          )}
        </h2>
        {against > 0 && (
          <p>
            {ofThese.turnedAwayByOthers === 0 ? 'None' : number(ofThese.turnedAwayByOthers)}{' '}
            {plural(ofThese.turnedAwayByOthers, 'was', 'were')} turned away by others anyway
            {ofThese.quarantined > 0 && `, ${number(ofThese.quarantined)} quarantined`}.
            {disputed.length > 0 && ' Look at these before you enforce it.'}
          </p>
        )}
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
        {places.map(({ path, origin }) => (
          <p class="note">
            To enforce it, write <code>mode: 'enforce'</code> at <code>{path}</code>
            {origin.file !== undefined && (
              <>
                {' '}
                in <code>{`${origin.file}${origin.line === undefined ? '' : `:${origin.line}`}`}</code>
              </>
            )}
            .
          </p>
        ))}
      </div>
      <div class="vis">
        {against > 0 && (
          <>
            <div
              class="chart mid"
              role="img"
              aria-label={`What ${plugin.name} would have done: ${number(against)} in ${steps.would.length} steps of ${ageOf(steps.stepMs)}`}
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
      </div>
    </article>
  )
}
