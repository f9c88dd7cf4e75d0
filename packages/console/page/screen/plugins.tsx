/** Plugins: who has a say, what it comes to, and what it costs; what those in shadow would have done. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Range, rangeInWords } from '../part/bars.tsx'
import { Mirror } from '../part/mirror.tsx'
import { Say } from '../part/opinion.tsx'
import { Segments, SPANS } from '../part/segments.tsx'
import { Empty, Trouble, Waiting } from '../part/state.tsx'
import { Road } from '../plugins/road.tsx'
import { Shadow } from '../plugins/shadow.tsx'
import { useAsked } from '../state/asked.ts'
import { go, linkTo, place } from '../state/route.ts'
import { counted, number, percent, plural } from '../word.ts'

type Plugin = ApiShape<'plugin'>

/** The screen. */
export function Plugins() {
  const span = SPANS.find(([key]) => key === place.value.values['span'])?.[0] ?? '86400000'
  const plugins = useAsked<ApiAnswer<'plugins'>>(`v1/plugins?span=${span}`, 30_000)
  const explain = useAsked<ApiAnswer<'explain'>>('v1/explain')
  const list = plugins.answer?.plugins ?? []
  const inShadow = list.filter(({ mode }) => mode === 'shadow')
  return (
    <section class="screen page" aria-labelledby="h-plugins">
      <Trouble problem={plugins.problem} again={plugins.again} />
      <header class="lede">
        <h1 id="h-plugins">{plugins.answer === undefined ? 'Plugins' : <Lede plugins={list} />}</h1>
        <Segments label="Span" options={SPANS} value={span} choose={(key) => go('plugins', { span: key }, true)} />
      </header>
      {plugins.answer === undefined && plugins.isAsking && <Waiting />}
      {inShadow.map((plugin) => (
        <Shadow key={plugin.name} plugin={plugin} span={span} />
      ))}
      {explain.answer?.scopes.map((scope) => (
        <Road key={scope.name} scope={scope} isOnly={explain.answer?.scopes.length === 1} />
      ))}
      {plugins.answer !== undefined && list.length === 0 && (
        <Empty icon="i-plugins" title="No plugin has a say.">
          <p>
            The configuration uses none; <code>app.use(…)</code> is where they come in.
          </p>
        </Empty>
      )}
      {list.length > 0 && <Table plugins={list} />}
    </section>
  )
}

/** How many, in shadow, and who failed. */
function Lede({ plugins }: { plugins: readonly Plugin[] }) {
  const shadow = plugins.filter(({ mode }) => mode === 'shadow').length
  const failing = plugins
    .map((plugin) => ({ plugin, count: plugin.failures.reduce((sum, { count }) => sum + count, 0) }))
    .filter(({ count }) => count > 0)
  const [worst] = failing.toSorted((a, b) => b.count - a.count)
  return (
    <>
      {counted(plugins.length, 'plugin')}
      {shadow > 0 && `, ${shadow === 1 ? 'one' : shadow} in shadow`}.{' '}
      {worst === undefined ? (
        'None has failed in this span.'
      ) : (
        <>
          <b>{worst.plugin.name}</b> failed or was late{' '}
          {['', 'once', 'twice'][worst.count] ?? `${number(worst.count)} times`}
          {failing.length > 1 && `, ${failing.length - 1} ${plural(failing.length - 1, 'other', 'others')} too`}.
        </>
      )}
    </>
  )
}

function Table({ plugins }: { plugins: readonly Plugin[] }) {
  const isMeasured = plugins.some(({ p99 }) => p99 !== undefined)
  const isDrawn = plugins.some(({ opinions }) => opinions !== undefined)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on a phone, and who has no mouse scrolls by keys
    <div class="tablewrap" role="region" aria-label="Plugins" tabIndex={0}>
      <table class="data plugins">
        <caption class="vh">Plugins in the order of the protocol</caption>
        <thead>
          <tr>
            <th scope="col">Plugin</th>
            <th scope="col" class="hooks">
              Hooks
            </th>
            {isDrawn && (
              <th scope="col" class="ops">
                Opinions
              </th>
            )}
            <th scope="col" class="num">
              Turned away
            </th>
            {isMeasured && (
              <>
                <th scope="col" class="lt">
                  p50 to p99
                </th>
                <th scope="col" class="num">
                  ms
                </th>
              </>
            )}
            <th scope="col" class="num">
              Failures
            </th>
            <th scope="col" class="hooks">
              If it fails
            </th>
          </tr>
        </thead>
        <tbody>
          {plugins.map((plugin) => (
            <PluginRow plugin={plugin} isMeasured={isMeasured} isDrawn={isDrawn} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const ABOVE: Readonly<Record<string, string>> = {
  accept: 'ok',
  accepted: 'ok',
  silent: 'none',
  quarantine: 'quarantine',
  suspicion: 'points',
  suspect: 'points',
}
const BELOW: Readonly<Record<string, string>> = { defer: 'defer', reject: 'reject' }

function PluginRow({ plugin, isMeasured, isDrawn }: { plugin: Plugin; isMeasured: boolean; isDrawn: boolean }) {
  const [isOpen, setOpen] = useState(false)
  const { name, ownName, hooks, mode, p50, p99, turnedAwayShare, wouldHave, failures, onError } = plugin
  const failed = failures.reduce((sum, { count }) => sum + count, 0)
  const actions = [...new Set(Object.values(onError))]
  return (
    <>
      <tr>
        <th scope="row">
          {name}
          {mode === 'shadow' && <Say kind="reject" word="shadow" isShadow />}
          {ownName !== name && <small>{ownName}</small>}
        </th>
        <td class="hooks">
          <code>{hooks.join(' ')}</code>
        </td>
        {isDrawn && (
          <td class="ops">
            {plugin.opinions !== undefined && plugin.opinions.kinds.length > 0 && (
              <Opinions opinions={plugin.opinions} isShadow={mode === 'shadow'} />
            )}
          </td>
        )}
        <td class="num">
          {mode === 'shadow'
            ? wouldHave === undefined
              ? ''
              : `would: ${number(wouldHave)}`
            : turnedAwayShare
              ? percent(turnedAwayShare)
              : '–'}
        </td>
        {isMeasured && (
          <>
            <td class="lt">{p50 !== undefined && p99 !== undefined && <Range p50={p50} p99={p99} />}</td>
            <td class="num">{p50 !== undefined && p99 !== undefined && rangeInWords(p50, p99)}</td>
          </>
        )}
        <td class="num">
          {failed === 0 ? (
            '0'
          ) : (
            <button type="button" class="link reject" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
              {number(failed)}
            </button>
          )}
        </td>
        <td class="hooks">{actions.join(', ')}</td>
      </tr>
      {isOpen && (
        <tr class="under">
          <td colSpan={8}>
            {failures.map(({ kind, count, text }) => (
              <p>
                <Say kind="failed" word={`${kind} ${number(count)}`} /> {text}{' '}
                <a href={linkTo('why', { q: name })}>Its mails</a>
              </p>
            ))}
          </td>
        </tr>
      )}
    </>
  )
}

function Opinions({
  opinions: { kinds, steps },
  isShadow,
}: {
  opinions: NonNullable<Plugin['opinions']>
  isShadow: boolean
}) {
  const bars = steps.map((counts) => {
    const bar: Record<string, number> = {}
    kinds.forEach((kind, n) => {
      const css = BELOW[kind] !== undefined && isShadow ? 'shadow' : (BELOW[kind] ?? ABOVE[kind])
      if (css !== undefined) bar[css] = (bar[css] ?? 0) + (counts[n] ?? 0)
    })
    return bar
  })
  const sums = kinds.map((kind, n) => `${kind} ${number(steps.reduce((sum, counts) => sum + (counts[n] ?? 0), 0))}`)
  return (
    <span role="img" aria-label={sums.join(', ')} title={sums.join(', ')}>
      <Mirror
        bars={bars}
        width={176}
        height={30}
        up={['ok', 'none', 'points', 'quarantine']}
        down={['defer', 'reject', 'shadow']}
      />
    </span>
  )
}
