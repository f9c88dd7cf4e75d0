/** The page: a frame, one screen in it, and the keys that work everywhere. */
import { render } from 'preact'
import { Frame } from './frame.tsx'
import { login, watchStatus } from './state/session.ts'

const root = document.getElementById('page')
if (root !== null) render(<Frame />, root)

// A link of `postroad admin open` has a ticket for one login; it does not stay in the address.
const ticket = /[#&]ticket=([^&]+)/.exec(location.hash)?.[1]
if (ticket === undefined) void watchStatus()
else {
  history.replaceState(null, '', '#now')
  login({ ticket: decodeURIComponent(ticket) }).catch(() => watchStatus())
}
