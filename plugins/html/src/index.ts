/** Points for HTML that shows one thing and does another. */
export { type HtmlSignal, html, htmlSignals } from './html.ts'
