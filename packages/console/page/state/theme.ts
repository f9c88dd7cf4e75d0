/** Dark or light: the system's word, until a person says otherwise. */
import { signal } from '@preact/signals'

const THEMES = ['', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

/** `''` is the system's. */
export const theme = signal<Theme>(kept())

theme.subscribe((now) => {
  if (now) document.documentElement.dataset['theme'] = now
  else delete document.documentElement.dataset['theme']
  try {
    localStorage.setItem('theme', now)
  } catch {
    // A browser that keeps nothing shows the system's theme the next time.
  }
})

/** The next one of the three. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? ''
}

function kept(): Theme {
  try {
    const text = localStorage.getItem('theme')
    return THEMES.find((one) => one === text) ?? ''
  } catch {
    return ''
  }
}
