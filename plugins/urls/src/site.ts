/** Sites that lists do not have, and sites that lead to others. */

/** Large ones: to look them up for each message is a waste, and a listing of one a mistake. */
export const LARGE: ReadonlySet<string> = new Set(
  (
    'google.com googleapis.com gstatic.com googleusercontent.com youtube.com facebook.com fbcdn.net instagram.com twitter.com x.com linkedin.com licdn.com ' +
    'microsoft.com office.com live.com outlook.com windows.net apple.com icloud.com amazon.com amazonaws.com cloudfront.net github.com githubusercontent.com ' +
    'wikipedia.org wikimedia.org mozilla.org w3.org adobe.com paypal.com ebay.com netflix.com spotify.com yahoo.com pinterest.com reddit.com whatsapp.com ' +
    'zoom.us dropbox.com slack.com atlassian.net salesforce.com mailchimp.com sendgrid.net cloudflare.com akamaihd.net gravatar.com debian.org'
  ).split(' '),
)

/** Anybody may make links there that lead anywhere. */
export const SHORTENERS: ReadonlySet<string> = new Set(
  (
    'bit.ly tinyurl.com t.co goo.gl ow.ly is.gd buff.ly cutt.ly rebrand.ly rb.gy shorturl.at tiny.cc t.ly s.id v.gd bl.ink lnkd.in soo.gd clck.ru ' +
    'qr.ae adf.ly shorte.st bc.vc u.to x.co tr.im kutt.it t2m.io surl.li dub.sh l.ead.me urlz.fr'
  ).split(' '),
)
