/** Words, names and hosts of which the generator's mail is made. Order and number are part of its golden hashes. */

const split = (text: string): readonly string[] => text.trim().split(/\s+/)

export const WORDS = split(`
the a of and to in for on with at by from about into over after please find attached invoice report meeting minutes
we you they your our order number account balance payment due thank regards contact support ticket update version
release server error log monthly weekly figures quarter revenue forecast budget review approve contract draft signed
delivery tracking parcel shipped warehouse stock quantity price total discount customer request reply forward urgent
schedule calendar invitation conference room agenda slides notes summary action items deadline project milestone team
password reset verify address click here unsubscribe newsletter offer sale weekend travel booking flight hotel ticket
hello dear sir madam best wishes sincerely yours morning evening yesterday tomorrow monday friday january october
system backup completed failed disk usage threshold cpu memory network interface down restored maintenance window
patch commit branch merge build passed test coverage issue fixed regression documentation example function returns
photo holiday family birthday school parents lunch dinner recipe garden weather rain sunny music concert film book
insurance policy claim form signature bank transfer reference iban tax statement annual salary leave sick training
`)

export const GIVEN = split(`
Anna Bruno Carla David Elena Frank Grace Hiro Ines Jonas Karin Luis Maria Nils Olga Paul Quentin Rosa Stefan Tom Ute
Victor Wendy Xenia Yusuf Zoe Ahmed Birgit Chen Dmitri
`)

export const FAMILY = split(`
Adams Becker Costa Dubois Eriksen Fischer Garcia Hansen Ivanov Jones Keller Lopez Moreau Nguyen Olsen Patel Quinn Rossi
Schmidt Tanaka Ueda Vogel Weber Xu Young Zimmermann O'Brien Smith
`)

export const DOMAINS = split(`
example.com example.net example.org mail.example.com corp.example.net lists.example.org shop.example.com
uni.example.edu post.example.de correo.example.es mail.example.jp news.example.co.uk
`)

export const SOFTWARE: readonly string[] = [
  'Postfix',
  'Exim 4.96',
  'Sendmail 8.15.2/8.15.2',
  'Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)',
  'qmail',
]

export const MAILERS: readonly string[] = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Thunderbird/102.15.1',
  'Microsoft Outlook 16.0',
  'Apple Mail (2.3445.104.21)',
  'Mutt/1.10.1 (2018-07-13)',
  'PHPMailer 5.2.9 (https://github.com/PHPMailer/PHPMailer/)',
  'The Bat! (v1.52f) Business',
]
