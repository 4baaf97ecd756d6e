/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const helpCentre: readonly ArticleTopic[] = [
  {
    name: 'account help',
    articles: [
      {
        title: 'Resetting a forgotten password',
        text: `Click on "Forgot password?" below the fields of the sign-in page and enter your e-mail address. We send a
          link that works once and for thirty minutes. If no message arrives, look into the spam folder, and check
          whether you registered with another address.`,
        query: "I can't remember my login secret, how to choose a fresh one",
      },
      {
        text: `With two-step sign-in you type a six-digit code from an app after your password. Switch it on under
          Settings, Security, and scan the square with your phone. Print the ten backup codes and keep them at home:
          without phone and codes we cannot let you in.`,
        query: 'enable authenticator protection, and prepare for when the mobile device is lost',
      },
      {
        title: 'Changing your user name',
        text: `You can change the name that others see as often as you like, but the address of your profile only once in
          ninety days. Old links lead to the new address for a year. Posts in which somebody mentioned you keep the
          spelling that was used then.`,
        query: 'rename my public handle and whether previous URLs redirect',
      },
      {
        text: `If we notice an attempt to sign in from a country where you have never been, we lock the account and write
          to you. Confirm that it was you with the button in the message. If it was not, choose another password at
          once and end all open sessions.`,
        query: 'access got blocked after suspicious activity from abroad',
      },
      {
        title: 'Signing in with Google or Apple',
        text: `You may connect a Google or Apple identity in place of a password. We receive only your name and e-mail
          address, and nothing is posted in your name. Before you disconnect it, set a password of your own, as you
          would otherwise shut yourself out.`,
      },
      {
        text: `Deleting an account removes your profile, pictures and comments for good after a pause of fourteen days,
          in which signing in again cancels it. Invoices stay for ten years because tax law demands it. Download a
          copy of your data beforehand; support cannot restore anything later.`,
        query: 'permanently close my membership and erase everything',
      },
      {
        title: 'Why you receive our newsletter',
        text: `Our newsletter goes only to people who ticked the box and confirmed it by mail. A link at the foot of each
          issue ends it immediately, without signing in. Messages about your orders, or about changes in our terms,
          are not advertising and cannot be turned off.`,
        query: 'unsubscribe from marketing bulletins that fill the inbox',
      },
      {
        text: `One subscription covers up to five people who live together. The organiser invites each by mail and pays
          for all; nobody can see what the others read or watch. Children below thirteen get a profile with limits
          for time and content, which only the organiser can lift.`,
        query: 'family plan sharing, with parental controls for kids',
      },
      {
        title: 'Merging two accounts',
        text: `Two accounts cannot be joined automatically. Export contacts and notes from the one you want to give up,
          import the file into the other, and ask us to move purchases across, for which we need both addresses.
          Points from the loyalty programme follow within a week.`,
        query: 'I registered twice by mistake, how do I combine both profiles',
      },
      {
        text: `On the page Devices you see where you are signed in, with place and last use. Places are guessed from the
          network and may be off by a hundred kilometres. The button beside each row signs that device out; the next
          time someone uses it there, the password is asked for.`,
      },
    ],
  },
  {
    name: 'orders and returns',
    articles: [
      {
        title: 'Where is my parcel?',
        text: `As soon as your parcel leaves the warehouse we mail you a number with which you can follow it at the
          carrier. It may take a day until the first scan appears. If nothing has moved for five working days, write
          to us, and we start a search or send the goods again.`,
        query: 'track a shipment that seems stuck in transit',
      },
      {
        text: `You may send anything back within thirty days, unworn and with its tags. Print the label from your order
          page, tape the box shut and hand it in at any post office. Refunds take three to five days after the
          arrival and go to the card or account that paid.`,
        query: 'how do I get my money for a purchase that did not suit me',
      },
      {
        title: 'Arrived broken',
        text: `Photograph the item and the packing before you throw anything away, and upload the pictures within a week.
          We replace what was damaged on the way without asking for it back, unless it is worth more than fifty
          euros. For glass and china, the outer box has to be shown too.`,
        query: 'received a shattered product, claim compensation with evidence',
      },
      {
        text: `An order can be cancelled until it is being packed, which is usually within two hours. Open it and press
          the red button; if that is missing, it is too late. In this case refuse the delivery at the door, or let
          it come and return it free of charge.`,
        query: 'I clicked buy by accident, can I still call it off',
      },
      {
        title: 'Paying by invoice',
        text: `Customers who have ordered before can pay within fourteen days of delivery. A credit agency is asked for
          your score, and may say no without our knowing why. If part of the order goes back, pay only for the
          remainder; the reminder will be stopped on its own.`,
      },
      {
        text: `Vouchers are entered in the last step, beneath the sum. One code counts per order and cannot be used for
          gift cards or books. Should the discount be larger than the basket, the rest stays on the code until it
          expires, three years after the end of the year of purchase.`,
        query: 'redeem a promotional coupon at checkout, and its restrictions',
      },
      {
        title: 'Wrong size?',
        text: `Exchange shoes and clothes for another size at no cost, as long as it is in stock. Choose Exchange instead
          of Return and we reserve the new pair at once, before yours has come back. The table on each page compares
          European, British and American numbers with centimetres.`,
        query: 'garment does not fit, swap it for a bigger one',
      },
      {
        text: `Deliveries to Switzerland and Norway leave the customs union. The prices shown include duty and tax, so
          nothing is due at the door. Food, knives and lithium batteries on their own cannot be shipped there.
          Reckon with two days more, and give a telephone number for the clearance.`,
        query: 'international postage beyond the EU, are there import charges',
      },
      {
        title: 'A present for someone else',
        text: `Tick the gift option and we leave out the invoice, wrap the article in paper and enclose a card with up to
          two hundred characters. The recipient can exchange it within sixty days with the number on the card, and
          does not learn the price. You get the bill by mail.`,
        query: 'send a surprise to a friend with a greeting and hide the cost',
      },
      {
        text: `A product that is out of stock shows a bell. Press it and you receive a single message when it is
          available, first come, first served. We cannot reserve for anyone. If the maker has discontinued it, the
          page says so and suggests the nearest thing that we have.`,
      },
    ],
  },
  {
    name: 'bank app',
    articles: [
      {
        title: 'Blocking a lost card',
        text: `Tap the card in the app and choose Freeze; it takes effect within seconds and can be undone if the purse
          turns up. Report it as stolen and we print another, which is in your letter box after four days. Without
          the app, call 116 116 from any phone.`,
        query: 'my debit plastic went missing, how do I stop it being misused',
      },
      {
        text: `Transfers within the euro area arrive in ten seconds at any hour. A mistake in the account number cannot
          be undone by us: we can only ask the receiving bank, and its customer has to agree. Compare the name that
          is shown before you confirm.`,
        query: 'sent funds to the wrong IBAN, can a payment be reversed',
      },
      {
        title: 'Paying abroad',
        text: `Always choose to be charged in the local currency; the machine's own conversion costs up to eight percent.
          We add nothing to the rate of the day. Some shops and car hire firms want a card with raised digits, so
          take a second one along on a journey.`,
        query: 'foreign exchange fees when using the account on holiday',
      },
      {
        text: `A standing order moves the same sum on the same day of the month, until you end it. If that day is a
          Sunday, it runs on the next working day. For bills that vary, such as electricity, a direct debit is
          better, and can be returned for eight weeks.`,
        query: 'automate regular rent transactions of a fixed amount',
      },
      {
        title: 'Saving in pockets',
        text: `Make up to twenty pockets beside your main account, each with a goal and a picture. Money can be moved in
          by hand, by rounding up each purchase to the next euro, or on payday. What lies in a pocket is left alone
          by cards and debits.`,
      },
      {
        text: `We will never ask for your code on the phone, in a message or by mail. Callers who claim to be from our
          fraud department and want you to move savings to a safe account are criminals, even if our number appears
          on the screen. Hang up and ring us yourself.`,
        query: 'scammer pretending to be the bank, recognise phishing and other tricks',
      },
      {
        title: 'Going into the red',
        text: `An overdraft up to your monthly salary is possible after a check, and costs eleven percent a year, charged
          by the day. If you use it for more than three months running, we offer an instalment loan at less than
          half. You can set the limit to nothing.`,
        query: 'interest for borrowing when my balance turns negative',
      },
      {
        text: `Parents open an account for a child from seven years on and see what it spends. Each gets a card that
          works only up to the balance, without internet purchases unless you allow them. Pocket money arrives
          weekly, and chores with a price on them can be ticked off by both.`,
        query: 'junior banking for kids with an allowance and adult control',
      },
      {
        title: 'Signing with your face',
        text: `Payments above thirty euros are confirmed with your face, finger or the code of the app. The data of your
          face never leave the phone; we only learn whether it matched. After you have changed phones, identify
          yourself again by a video call with your passport.`,
        query: 'biometric approval of transactions, and registering a replacement handset',
      },
      {
        text: `Statements are made on the first of the month and stay for ten years. Search finds payments by name, sum
          or purpose, and a selection can be exported for the tax adviser as PDF or CSV. The paper version costs the
          postage, and is sent to the address in your profile.`,
      },
    ],
  },
  {
    name: 'devices',
    articles: [
      {
        title: "The phone's battery drains quickly",
        text: `Look under Settings, Battery, which programs have consumed the most since the last charge. Location,
          bright screens and poor reception are the usual causes. A battery that holds less than eighty percent of
          its original capacity is worn out and can be replaced in an hour at a service point.`,
        query: 'my mobile runs out of juice before evening',
      },
      {
        text: `A printer that is shown as offline is often merely in another network. Print its status page by pressing
          the info button and compare the name of the Wi-Fi. Remove it in the system settings, add it again, and
          give it a fixed address in the router if this keeps happening.`,
        query: 'computer cannot find the wireless inkjet',
      },
      {
        title: 'Slow Wi-Fi',
        text: `Place the router high up and in the open, not in a cupboard behind the television. Its fast band gets
          through one wall, the slow one through three. Neighbours on the same channel share its speed with you, so
          let it search for a free one. Thick ceilings call for a second station.`,
        query: 'improve weak wireless internet coverage throughout the flat',
      },
      {
        text: `Water in a laptop: pull the plug, hold the power key until it is dark, turn it upside down like a tent and
          leave it so for two days. Rice does nothing. Sweet drinks leave a sticky film that eats the contacts, so
          have it opened and cleaned as soon as possible.`,
        query: 'spilled coffee over the keyboard of my notebook',
      },
      {
        title: 'Freeing up storage',
        text: `Photos and films fill most phones. Turn on the option that keeps the originals in the cloud and small
          copies on the device, then empty the bin, which holds deleted files for thirty days. Chat programs hide
          gigabytes of forwarded clips under their own settings for data.`,
      },
      {
        text: `If the screen has frozen, hold the power key and the lower volume key together for fifteen seconds until
          the logo comes up. Nothing is deleted by it. Should the device hang again at the same place, start it in
          safe mode, where only the built-in programs run, and uninstall the latest one.`,
        query: 'tablet unresponsive, how to force a restart',
      },
      {
        title: 'Headphones will not pair',
        text: `Put the headphones into their case for ten seconds, open the lid and press the button until the lamp
          blinks white. Delete old entries from the Bluetooth list of the phone, as two devices that both claim them
          get in each other's way. Update the firmware when all else fails.`,
        query: 'trouble connecting wireless earbuds to my mobile',
      },
      {
        text: `A backup that has never been restored is a hope. Follow three, two, one: three copies, on two kinds of
          media, one of them in another building. Plug the external disk in only while it runs, or a trojan that
          encrypts your files will take the copy with it.`,
        query: 'safeguard documents against ransomware and hardware failure',
      },
      {
        title: 'The television has no sound',
        text: `Check first whether the sound goes out through a bar or headphones that are switched off. Under Audio,
          choose the internal speakers, and set the format to PCM, since older amplifiers stay silent with newer
          ones. A cable in the wrong HDMI socket, without the letters ARC, has the same effect.`,
        query: "picture appears on my tv but I can't hear anything",
      },
      {
        text: `Lamps and plugs of a smart home talk over a radio of their own and need a hub. If one does not answer,
          bring it near the hub, reset it by switching it on and off five times, and learn it in again. Each mains
          device passes messages on, so distance shrinks with every lamp.`,
      },
    ],
  },
];
