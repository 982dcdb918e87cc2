import { type MailRecord, drain, kafka, parse, pop3 } from 'maildrain'

const withoutNewsletters = (mail: MailRecord): MailRecord | undefined =>
  mail.headers.some(({ name }) => name.toLowerCase() === 'list-unsubscribe') ? undefined : mail

const receipt = await drain({
  source: pop3({
    host: 'mail.example.org',
    auth: { user: 'ann', password: process.env.MAILDRAIN_PASSWORD ?? '' },
  }),
  through: [parse(), withoutNewsletters],
  into: kafka({ brokers: ['broker.example.org:9092'], topic: 'mail' }),
  deletion: 'delete',
})
console.log(receipt)
