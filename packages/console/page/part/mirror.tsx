/** The picture of the page: above the road went on, below was turned away. Bars over time, as SVG: their colours are tokens, so a theme changes them without a script. */

/** A step of time: how many of each kind. */
export type Bar = Readonly<Record<string, number | undefined>>

/** `up` and `down`: kinds from the road outwards. */
export function Mirror({
  bars,
  width,
  height,
  up = ['ok', 'quarantine'],
  down = ['defer', 'reject'],
}: {
  bars: readonly Bar[]
  width: number
  height: number
  up?: readonly string[]
  down?: readonly string[]
}) {
  const sum = (bar: Bar, kinds: readonly string[]): number => kinds.reduce((total, kind) => total + (bar[kind] ?? 0), 0)
  const above = Math.max(0, ...bars.map((bar) => sum(bar, up)))
  const below = Math.max(0, ...bars.map((bar) => sum(bar, down)))
  const scale = (height - 2) / (above + below || 1)
  // Without anything below, the road lies at the bottom; without anything at all, in the middle.
  const zero = above + below === 0 ? height / 2 : above * scale
  const step = width / Math.max(1, bars.length)
  const rectangles = bars.flatMap((bar, n) => {
    let high = zero
    let low = zero + 2
    const place = { x: n * step, width: step * 0.75 }
    return [
      ...up.map((kind) => {
        const tall = (bar[kind] ?? 0) * scale
        high -= tall
        return tall > 0 && <rect class={`b-${kind}`} {...place} y={high} height={tall} />
      }),
      ...down.map((kind) => {
        const tall = (bar[kind] ?? 0) * scale
        low += tall
        return tall > 0 && <rect class={`b-${kind}`} {...place} y={low - tall} height={tall} />
      }),
    ]
  })
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {rectangles}
      <line class="b-line" x1={0} x2={width} y1={zero + 1} y2={zero + 1} />
    </svg>
  )
}

/** A line over time, with what is below it filled. */
export function Line({
  values,
  width = 480,
  height = 64,
}: {
  values: readonly number[]
  width?: number
  height?: number
}) {
  const most = Math.max(...values, 1e-9)
  const least = Math.min(...values, most)
  const floor = least > most / 2 ? least * 0.6 : 0
  const points = values.map((value, n) => {
    const x = (n / Math.max(1, values.length - 1)) * width
    return `${x.toFixed(1)} ${(height - 2 - ((value - floor) / (most - floor || 1)) * (height - 6)).toFixed(1)}`
  })
  const path = `M${points.join('L')}`
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="b-fill" d={`${path}L${width} ${height}L0 ${height}Z`} />
      <path class="b-work" d={path} />
    </svg>
  )
}
