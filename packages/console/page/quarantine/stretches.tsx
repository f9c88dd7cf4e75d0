/** Text of a mail as the server has cut it: words, links that lead nowhere from here, and what cannot be seen. */
import type { ApiShape } from '@postroad/admin-api'
import { Token, Visible } from '../part/visible.tsx'

/** The stretches, as text nodes. */
export function Stretches({ parts }: { parts: readonly ApiShape<'stretch'>[] }) {
  return (
    <>
      {parts.map((part) => {
        switch (part.kind) {
          case 'text':
            return <Visible text={part.text} />
          case 'link':
            return (
              <>
                <span class="lnk">
                  <Visible text={part.shown} />
                </span>
                {(part.deceives || part.shown !== part.target) && (
                  <span
                    class={`to${part.deceives ? '' : ' same'}`}
                    title={part.deceives ? 'It looks like another host than it leads to' : 'Where it leads'}
                  >
                    {part.deceives && <span class="vh">deceives: </span>}→ <Visible text={part.target} />
                  </span>
                )}
              </>
            )
          case 'invisible':
            return <Token point={part.codepoint} />
          default:
            return <span class="left-out">[{part.what} left out]</span>
        }
      })}
    </>
  )
}
