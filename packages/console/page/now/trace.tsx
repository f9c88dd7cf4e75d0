/** What is said on the connections of one client, line by line, while it is said: `postroad trace` beside the row. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Visible } from '../part/visible.tsx'
import { addressOf, query } from '../state/api.ts'
import { bare, counted, exactTimeOf } from '../word.ts'

/** As `/v1/trace` tells it. */
interface Line {
  readonly time: number
  readonly ms: number
  readonly by: 'C' | 'S' | 'hook' | 'note'
  readonly side: 'server' | 'client'
  readonly text: string
}

/** Lines that are kept. */
const MOST = 500
const MARKS = { C: '>', S: '<', hook: '·', note: '–' } as const
const WORDS = { C: 'client', S: 'server', hook: 'hook', note: 'note' } as const

/** Follows until it is taken away. */
export function Trace({ ip }: { ip: string }) {
  const [lines, setLines] = useState<readonly Line[]>([])
  const [skipped, setSkipped] = useState(0)
  const [state, setState] = useState<'asked' | 'joined' | 'refused'>('asked')
  const end = useRef<HTMLLIElement>(null)
  useEffect(() => {
    const source = new EventSource(addressOf(`v1/trace${query({ ip })}`))
    let fresh: Line[] = []
    const show = (): void => {
      const some = fresh
      fresh = []
      setLines((before) => [...before, ...some].slice(-MOST))
    }
    const on = (name: string, take: (data: unknown) => void): void =>
      source.addEventListener(name, (event) => event instanceof MessageEvent && take(JSON.parse(String(event.data))))
    on('joined', () => setState('joined'))
    on('line', (data) => {
      if (fresh.length === 0) requestAnimationFrame(show)
      fresh.push(data as Line) // of `/v1/trace`
    })
    on('skipped', (data) => setSkipped((count) => count + (data as { count: number }).count)) // the same
    source.addEventListener('error', () => source.readyState === EventSource.CLOSED && setState('refused'))
    return () => source.close()
  }, [ip])
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [lines])
  return (
    <section class="trace" aria-label={`Trace of ${ip}`}>
      <h3>
        Trace of <code>{ip}</code>
      </h3>
      <p class="note" role="status">
        {state === 'refused'
          ? 'The server refused: as many traces as it allows are followed already, or this is not for this role.'
          : lines.length === 0
            ? state === 'joined'
              ? 'Listening. What this client says from now on stands here.'
              : 'Asking the server …'
            : `${counted(lines.length, 'line')}${skipped > 0 ? `, ${skipped} skipped` : ''}`}
      </p>
      {lines.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and who has no mouse scrolls by keys
        <ol tabIndex={0} aria-label="Lines">
          {lines.map((line, n) => (
            <li class={line.by} ref={n === lines.length - 1 ? end : null}>
              <time title={exactTimeOf(line.time)}>+{bare(line.ms)}</time>
              <i role="img" aria-label={line.side === 'server' ? WORDS[line.by] : `${WORDS[line.by]}, next hop`}>
                {MARKS[line.by]}
              </i>
              <span>
                <Visible text={line.text} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
