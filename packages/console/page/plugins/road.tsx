/** The road of a scope: its hooks in the order of the protocol, and who is asked at the same time. */
import type { ApiAnswer } from '@postroad/admin-api'
import { ROAD } from '../now/road.ts'

/** Drawn for scopes that have handlers. */
export function Road({ scope, isOnly }: { scope: ApiAnswer<'explain'>['scopes'][number]; isOnly: boolean }) {
  const order: readonly string[] = ROAD
  const hooks = Object.entries(scope.hooks)
    .filter(([hook, waves]) => waves.length > 0 && order.includes(hook))
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
  if (hooks.length === 0) return null
  return (
    <>
      <h2 class="h">
        {isOnly ? (
          'The road'
        ) : (
          <>
            The road of scope <code>{scope.name}</code>
          </>
        )}{' '}
        <small>plugins in one box run at the same time</small>
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and who has no mouse scrolls by keys */}
      <div class="road" role="group" aria-label="Hooks and their waves" tabIndex={0}>
        {hooks.map(([hook, waves]) => (
          <div class="st">
            <b>{hook}</b>
            <div class="wv">
              {waves.map((wave) => (
                <div>
                  {wave.map(({ plugin, mode, conditional }) => (
                    <span class={mode === 'shadow' ? 'sh' : ''} title={conditional ? 'For some mail only' : undefined}>
                      {plugin}
                      {conditional && <i class="cond"> if</i>}
                    </span>
                  ))}
                </div>
              ))}
            </div>
          </div>
        ))}
      </div>
      {scope.warnings.map((warning) => (
        <p class="note warn-line">{warning}</p>
      ))}
    </>
  )
}
