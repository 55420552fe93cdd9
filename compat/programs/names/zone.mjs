// What the name servers of this folder know.
export const zone = { 'web.compat.test': '10.9.8.7', 'mail.compat.test': '10.9.8.6' }
export const text = { 'web.compat.test': 'some text' }
