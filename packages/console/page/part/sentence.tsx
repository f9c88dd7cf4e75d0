/** Sentences are made on the server, so that `postroad why` says the same; here their parts get a shape. */
import type { ApiShape } from '@postroad/admin-api'
import { exactTimeOf, lasted } from '../word.ts'
import { Visible } from './visible.tsx'

/** A sentence, part by part. */
export function Sentence({ parts }: { parts: ApiShape<'sentence'> }) {
  return <>{parts.map((part) => Part(part))}</>
}

/** The same as one text, for labels. */
export function inWords(parts: ApiShape<'sentence'>): string {
  return parts.map((part) => textOf(part)).join('')
}

function Part(part: ApiShape<'part'>) {
  switch (part.kind) {
    case 'text':
      return <Visible text={part.text} />
    case 'code':
      return (
        <code>
          <Visible text={part.text} />
        </code>
      )
    case 'address':
      return (
        <bdi dir="ltr">
          <Visible text={part.text === '' ? '<>' : part.text} />
        </bdi>
      )
    default:
      return <b>{textOf(part)}</b>
  }
}

function textOf(part: ApiShape<'part'>): string {
  switch (part.kind) {
    case 'plugin':
      return part.name
    case 'duration':
      return lasted(part.ms)
    case 'time':
      return exactTimeOf(part.at).slice(0, 8)
    default:
      return part.text
  }
}
