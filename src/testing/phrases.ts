/**
 * Phrases in the charsets that real mail is written in, as the bytes that go over the wire (base64 of the encoded
 * phrase, the phrase itself beside it): Node can decode these charsets and cannot encode them.
 * Rule: append only at the end of a list's life, never reorder; the generator's golden hashes depend on every byte.
 */

export interface PhraseBook {
  /** MIME name of the charset. */
  readonly charset: string
  /** Base64 of phrases in that charset. */
  readonly phrases: readonly string[]
}

export const PHRASE_BOOKS: readonly PhraseBook[] = [
  {
    charset: 'utf-8',
    phrases: [
      'R3LDvMOfZSBhdXMgTcO8bmNoZW4=', // Grüße aus München
      'UsOpdW5pb24gZGUgbHVuZGkgw6AgOSBo', // Réunion de lundi à 9 h
      'SW5mb3JtYWNpw7NuIHNvYnJlIHN1IHBlZGlkbw==', // Información sobre su pedido
      '6KuL5rGC5pu444KS44GK6YCB44KK44GX44G+44GZ', // 請求書をお送りします
      '0KHRh9GR0YIg0LfQsCDRg9GB0LvRg9Cz0Lgg0YHQstGP0LfQuA==', // Счёт за услуги связи
      '0JLQsNGI0LAg0LfQsNGP0LLQutCwINC/0YDQuNC90Y/RgtCw', // Ваша заявка принята
      'WmHFvMOzxYLEhyBnxJnFm2zEhSBqYcW6xYQ=', // Zażółć gęślą jaźń
      '5Lya6K6u57qq6KaB5bey5pu05paw', // 会议纪要已更新
      '2YXYsdit2KjYpyDYqNmD2YU=', // مرحبا بكم
      'w5xiZXJzaWNodCBkZXIgS29zdGVuIGbDvHIgTcOkcno=', // Übersicht der Kosten für März
    ],
  },
  {
    charset: 'iso-8859-1',
    phrases: [
      'TfxsbGVyLCBK9nJn', // Müller, Jörg
      'xG5kZXJ1bmcgZGVyIFJlY2hudW5n', // Änderung der Rechnung
      'Q2Fm6SBkZSBsYSBHYXJl', // Café de la Gare
      'U2Xxb3IgTXXxb3o=', // Señor Muñoz
      'R3L232UgdW5kIEdld2ljaHQ=', // Größe und Gewicht
      'VGFjayBm9nIgZXIgYmVzdORsbG5pbmc=', // Tack för er beställning
      'ynRyZSBwcup0IOAgdGVtcHM=', // Être prêt à temps
      '2Gwgb2cgYmzlIGLmcg==', // Øl og blå bær
    ],
  },
  {
    charset: 'windows-1252',
    phrases: [
      'QW5nZWJvdCD8YmVyIDEuMjAwIIA=', // Angebot über 1.200 €
      'k1F1b3RlZJQgliBhbmQgZGFzaGVk', // “Quoted” – and dashed
      'TJLpdOkgc2VyYSBjaGF1ZA==', // L’été sera chaud
      'jHV2cmVzIGNvbXBs6HRlcw==', // Œuvres complètes
      'UHJpY2U6IIA5OSCWIHRvZGF5IG9ubHk=', // Price: €99 – today only
    ],
  },
  {
    charset: 'koi8-r',
    phrases: [
      '79Teo9Qg2sEgy9fB0tTBzA==', // Отчёт за квартал
      '5M/C0tnKIMTFztg=', // Добрый день
      '89LP3s7PIM/U18XU2NTF', // Срочно ответьте
      '8MnT2M3PIM/UIMLVyMfBzNTF0snJ', // Письмо от бухгалтерии
      '99PU0sXewSDQxdLFzs/TydTT0SDOwSDT0sXE1Q==', // Встреча переносится на среду
    ],
  },
  {
    charset: 'windows-1251',
    phrases: [
      'z/Do4+vg+OXt6OUg7eAg4vHy8OX38w==', // Приглашение на встречу
      'xO7j7uLu8CDv7vHy4OLq6A==', // Договор поставки
      'wuD4IOfg6uDnIO7y7/Dg4uvl7Q==', // Ваш заказ отправлен
      '0e/g8ejh7iDn4CDv7urz7+rz', // Спасибо за покупку
    ],
  },
  {
    charset: 'iso-2022-jp',
    phrases: [
      'GyRCMnE1RCROJCpDTiRpJDsbKEI=', // 会議のお知らせ
      'GyRCJCpAJE9DJEskSiRDJEYkKiRqJF4kORsoQg==', // お世話になっております
      'GyRCJDRDbUo4JE4zTkcnGyhC', // ご注文の確認
      'GyRCTEBGfCROTT1EaiRLJEQkJCRGGyhC', // 明日の予定について
      'GyRCRTpJVSVVJSElJCVrJHIkNDNORyckLyRAJDUkJBsoQg==', // 添付ファイルをご確認ください
    ],
  },
  {
    charset: 'gb2312',
    phrases: [
      'u+HS6c2o1qo=', // 会议通知
      'xPq1xLaptaXS0beiu/U=', // 您的订单已发货
      't6LGsQ==', // 发票
      'x+uy6crVuL28/g==', // 请查收附件
    ],
  },
  {
    charset: 'euc-kr',
    phrases: [
      'vsiz58fPvLy/5A==', // 안녕하세요
      'wda5riDIrsDO', // 주문 확인
      'yLjAxyC+yLO7', // 회의 안내
    ],
  },
  {
    charset: 'iso-8859-2',
    phrases: [
      'UPjtbGm5IL5sdbtvdehr/SBr+fI=', // Příliš žluťoučký kůň
      'RmFrdHVyYSDoLiAxMg==', // Faktura č. 12
      'WmFt83dpZW5pZSB6s2+/b25l', // Zamówienie złożone
    ],
  },
  {
    charset: 'shift_jis',
    phrases: [
      'gqiW4oKijYeC7YK5gqCC6IKqgsaCpIKygrSCooLcgrc=', // お問い合わせありがとうございます
      'kL+LgY+RgsyMjw==', // 請求書の件
    ],
  },
]
