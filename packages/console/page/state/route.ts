/** Which screen is shown: the fragment of the address, `#why?q=alice%40example.com`. Screens can be linked to, and the browser's back button works. */
import { signal } from '@preact/signals'

/** The screens that have a tab, in the order of their keys. */
export const SCREENS = ['overview', 'now', 'why', 'queue', 'quarantine', 'plugins'] as const
const OTHERS = ['doctor', 'config'] as const

/** The name of a screen. */
export type Screen = (typeof SCREENS)[number] | (typeof OTHERS)[number]

/** Where we are. */
export interface Place {
  readonly screen: Screen
  /** What the screen is asked to show. */
  readonly values: Readonly<Record<string, string>>
}

/** The present place; changes with the address. */
export const place = signal<Place>(read())

addEventListener('hashchange', () => {
  place.value = read()
})

/** The address of a screen, for links. */
export function linkTo(screen: Screen, values: Readonly<Record<string, string | undefined>> = {}): string {
  const list = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return `#${screen}${list.length > 0 ? `?${new URLSearchParams(list)}` : ''}`
}

/** Goes to a screen. With `isReplacing` the browser's history keeps no step for it: for what changes while one types. */
export function go(
  screen: Screen,
  values: Readonly<Record<string, string | undefined>> = {},
  isReplacing = false,
): void {
  const link = linkTo(screen, values)
  if (link === location.hash) return
  if (!isReplacing) location.hash = link
  else {
    history.replaceState(null, '', link)
    place.value = read()
  }
}

function read(): Place {
  const [name = '', search = ''] = location.hash.slice(1).split('?')
  const screen = [...SCREENS, ...OTHERS].find((one) => one === name) ?? 'now'
  return { screen, values: Object.fromEntries(new URLSearchParams(search)) }
}
