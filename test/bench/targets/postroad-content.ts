/** Postroad with the plugins that look at what a message says; MIME is parsed for them, once. */
import { headers } from '@postroad/headers'
import { html } from '@postroad/html'
import { urls } from '@postroad/urls'
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with headers, html and urls: accept and discard',
  start: (place) => startPostroad(place, [headers(), html(), urls(), discardAll()]),
}
