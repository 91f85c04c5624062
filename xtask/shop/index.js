// The shop that the tests of the channels sell in: no mail, no pages, one file as its database.
const { bootstrap, DefaultJobQueuePlugin, DefaultSearchPlugin, dummyPaymentHandler } = require('@vendure/core');

const [port, database] = process.argv.slice(2);
bootstrap({
  apiOptions: { port: Number(port), hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer', 'cookie'],
    superadminCredentials: { identifier: 'admin', password: process.env.SHOP_PASSWORD },
  },
  dbConnectionOptions: { type: 'better-sqlite3', database, synchronize: true },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [DefaultJobQueuePlugin.init({}), DefaultSearchPlugin.init({})],
}).catch((error) => {
  console.error(error);
  process.exit(1);
});
