/** A drawing of the sprite in `index.html`. Never the only thing that says something: a word or a label stands beside it. */
export function Icon({ id, css }: { id: string; css?: string }) {
  return (
    <svg class={css} aria-hidden="true">
      <use href={`#${id}`} />
    </svg>
  )
}
