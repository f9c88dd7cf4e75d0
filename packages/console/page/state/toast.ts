/** What has been done, in a sentence that stands for some seconds; screen readers hear it. */
import { signal } from '@preact/signals'

const SHOWN_MS = 5_000

/** The sentence, and whether it is in view. */
export const said = signal<{ readonly text: string; readonly isOn: boolean }>({ text: '', isOn: false })
let timer = 0

/** Says it. */
export function tell(text: string): void {
  said.value = { text, isOn: true }
  clearTimeout(timer)
  timer = setTimeout(() => {
    said.value = { text, isOn: false }
  }, SHOWN_MS)
}

/** Copies a text, and says whether the browser did. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    tell(`Copied ${what}.`)
  } catch {
    tell('The browser did not allow copying.')
  }
}
