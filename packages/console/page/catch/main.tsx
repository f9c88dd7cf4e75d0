/** The page of `postroad catch`: a list, a reader, and what comes as it comes. */
import { render } from 'preact'
import { Frame } from './frame.tsx'
import { listen } from './state.ts'

const root = document.getElementById('page')
if (root !== null) render(<Frame />, root)
listen()
