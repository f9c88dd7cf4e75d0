/** What plugins have thrown: the words of a program about this machine, which not everybody who may read is to see. */
import type { ApiShape } from '@postroad/admin-api'
import type { AskedCall } from './answer.ts'

/** Whether a caller is told them. */
export function mayReadFailures({ caller }: Pick<AskedCall<'transaction'>['context'], 'caller'>): boolean {
  return caller?.roles.includes('operate') ?? false
}

type Opinion = object & { readonly kind?: unknown }

/** Whether there are any. */
export function hasFailures(opinions: readonly Opinion[] | undefined): boolean {
  return opinions?.some(isFailure) ?? false
}

/** The record as everybody may read it. */
export function withoutFailures<R extends { readonly opinions?: readonly Opinion[] | undefined }>(record: R): R {
  return hasFailures(record.opinions) ? { ...record, opinions: record.opinions?.map(untold) } : record
}

function untold(opinion: Opinion): Opinion {
  if (!isFailure(opinion)) return opinion
  const { reason: _words, text: _text, ...rest } = opinion as Partial<ApiShape<'opinion'>>
  return rest
}

function isFailure({ kind }: Opinion): boolean {
  return kind === 'error' || kind === 'late'
}
