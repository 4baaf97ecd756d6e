/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const society: readonly ArticleTopic[] = [
  {
    name: 'economics',
    articles: [
      {
        title: 'Inflation',
        text: `When prices rise across the whole economy, each coin buys less. A little of it, around two percent, is
          thought healthy, as it lubricates wages and discourages hoarding. If it runs away, central banks raise
          interest rates, so that loans become dear and demand cools off.`,
        query: 'general increase in the cost of living and how monetary policy fights it',
      },
      {
        text: `Adam Smith described a workshop in which ten men made 48,000 pins in a day, because each did one step
          only. Alone, none of them would have managed twenty. He saw the price too: who spends his life on a few
          simple motions, he wrote, becomes as dull as a human can be.`,
        query: 'division of labour boosts output but numbs the employee',
      },
      {
        title: 'Tragedy of the commons',
        text: `If a pasture belongs to everyone, each herdsman gains from one more cow, while the damage is shared by
          all, until nothing grows. Elinor Ostrom showed that villages have often found a way out, with rules,
          watchers and small fines. She got the Nobel Prize for it.`,
        query: 'overuse of jointly owned resources such as fisheries, and neighbourhoods that prevent it',
      },
      {
        text: `Insurance works because misfortunes are spread out: not every house burns in the same year. It fails where
          only those sign up who know they are in danger, since the premium then rises and drives off the rest. This
          is why cover for drivers, and in many countries for patients, is compulsory.`,
        query: 'pooling risk among policy holders, adverse selection, and obligatory schemes',
      },
      {
        title: 'Why diamonds cost more than water',
        text: `Water keeps us alive and is nearly free; diamonds are a luxury and cost a fortune. The riddle was solved
          when economists looked at the last unit rather than the whole. One more litre adds little to our comfort,
          as we have plenty, whereas stones are rare.`,
      },
      {
        text: `A minimum wage was long expected to destroy jobs. Card and Krueger compared burger restaurants on both
          sides of a state border in 1992, one of which had raised it, and found no loss. Today the debate is about
          how high it can go before the effect appears.`,
        query: 'does a legal floor on hourly pay cause unemployment among fast food staff',
      },
      {
        title: 'Comparative advantage',
        text: `Even a country that does everything better gains by trading. A lawyer who types faster than her secretary
          still leaves the typing to him, because an hour in court earns more. In the same way Portugal in Ricardo's
          example made wine and left cloth to England.`,
        query: 'why nations should specialise and exchange goods internationally',
      },
      {
        text: `Banks lend out most of what savers bring them, and rely on it that not all want it back at once. A rumour
          is enough to make them queue, and then even a sound bank cannot pay. Since the state guarantees deposits
          up to a sum, such runs have become rare.`,
        query: 'panic withdrawals that topple a financial institution, and public protection of accounts',
      },
      {
        title: 'The price of a concert ticket',
        text: `Popular singers could charge far more than they do. They prefer a full hall of devoted fans to a half
          empty one of rich people, and fear for their image. The difference goes to touts, who send robots to the
          sale and offer the seats again at three times the price.`,
        query: 'scalpers reselling entry to gigs for profit, because artists keep admission cheap',
      },
      {
        text: `Gross domestic product adds up whatever is bought in a year. A traffic jam increases it through the petrol
          burned, and a parent at home adds nothing. Its inventor, Simon Kuznets, warned congress in 1934 that the
          welfare of a nation can scarcely be read from such a figure.`,
      },
    ],
  },
  {
    name: 'law',
    articles: [
      {
        title: 'Presumption of innocence',
        text: `Nobody has to prove that he did not commit a crime. It is for the prosecutor to remove every reasonable
          doubt, and if some remains, the court must acquit. The idea is old, yet newspapers that print the full
          name of a suspect do much to undo it.`,
        query: 'the accused is not guilty until convicted, who carries the burden of evidence',
      },
      {
        text: `Copyright comes into being when a work is created; no form or fee is needed. In Europe it ends seventy
          years after the death of the author, and then anyone may print, film or change the text. Ideas as such are
          never protected, just the way they are put into words.`,
        query: 'how long is a novel owned by the writer before entering the public domain',
      },
      {
        title: 'Buying at the front door',
        text: `A contract signed with a salesman at your door can be cancelled within fourteen days, without a reason.
          The period starts when you have been told of this right in writing. Goods must be sent back, and the
          trader has to return what you paid, including the first postage.`,
        query: 'withdraw from an agreement after a pushy seller visited my home',
      },
      {
        text: `A will must be written by hand from the first word to the last, or drawn up before a notary. A typed page
          with a signature is worth nothing in many countries. Date it, so that heirs can tell which version is the
          latest, and tell someone you trust where it lies.`,
        query: 'valid testament, formal requirements so that my estate goes where I intended',
      },
      {
        title: 'Juries',
        text: `Twelve citizens without legal training decide in England whether the accused did it; the judge decides
          what follows. They need not give reasons and may never speak about their debate. Supporters see in it a
          shield against the state, critics point to complicated frauds that nobody can follow.`,
      },
      {
        text: `Landlords may keep part of the deposit for damage, though not for normal wear. Faded paint and worn
          carpets are the tenant's right after some years; a burn in the floor is not. Take photographs on the day
          you move in and on the day you leave.`,
        query: 'apartment renters getting their security money refunded, scratches versus ordinary ageing',
      },
      {
        title: 'Patents',
        text: `A patent gives the inventor twenty years in which others need a licence. In exchange the invention has to
          be described so fully that an expert could copy it. It must be new everywhere in the world, so do not show
          it at a fair before you have filed.`,
        query: 'legal monopoly for a technical idea, published in return for temporary exclusive rights',
      },
      {
        text: `Self-defence may go as far as it takes to stop the attack, and no further. Who strikes back when the
          aggressor is already on the ground becomes an offender himself. A person who goes too far out of fear or
          panic is often spared punishment all the same.`,
        query: 'when is violence justified to protect myself from an assailant',
      },
      {
        title: 'Data protection',
        text: `Firms in the European Union must tell you on request, within a month and for free, what they have stored
          about you and where it came from. You may have errors corrected and, unless a law requires the record,
          have it deleted. Fines reach four percent of worldwide turnover.`,
        query: 'GDPR lets individuals see their personal information held by companies and get it erased',
      },
      {
        text: `If two cars meet at a crossing without signs, the one from the right goes first in most of Europe. Trams
          have priority over both. Flashing headlights has no legal meaning, and someone who relies on such a signal
          may have to bear part of the loss after a collision.`,
      },
    ],
  },
  {
    name: 'mind',
    articles: [
      {
        title: 'The placebo effect',
        text: `A pill without any drug in it relieves pain in about one patient out of three. Two pills do better than
          one, an injection better than both, and a kind doctor adds to it. Surprisingly, it even happens when
          people are told that there is nothing in the capsule.`,
        query: 'fake medicine makes sick folks feel improvement through expectation alone',
      },
      {
        text: `Children of four were promised a second marshmallow if they could leave the first alone for a quarter of
          an hour. Those who waited seemed to do better in life. When the study was repeated with more families,
          most of the link turned out to be due to the wealth of the parents.`,
        query: 'famous experiment on self control with sweets and its later debunking',
      },
      {
        title: 'Confirmation bias',
        text: `We look for what supports our opinion and overlook what speaks against it. Someone who believes that
          nurses see more births at full moon remembers those nights and forgets the rest. A remedy is to ask,
          before reading on, which fact would change one's mind.`,
        query: 'tendency to notice only evidence fitting our existing views',
      },
      {
        text: `Kant held that a lie is wrong even towards a murderer who asks where his victim hides. A rule counts as
          moral only if everyone could follow it, and nobody would trust words in a world of liars. Most later
          thinkers have found this too much to swallow.`,
        query: 'German philosopher arguing that deception is never permitted, whatever the consequences',
      },
      {
        title: 'Phantom limbs',
        text: `Most people who lose an arm go on feeling it, and often it hurts. The map of the body in the brain has not
          been redrawn. In a simple therapy the patient places the healthy hand before a mirror, and moves it, until
          the missing one seems to unclench.`,
      },
      {
        text: `Habits are built from a cue, a routine and a reward. To acquire one, tie it to something you do anyway:
          ten squats whenever the kettle is on. On average it took the volunteers of one study 66 days until it went
          by itself, and a day missed did no harm.`,
        query: 'how many weeks until a fresh behaviour becomes automatic',
      },
      {
        title: 'The trolley problem',
        text: `A runaway tram will kill five workers unless you throw a switch and send it towards one. Most would do it.
          Hardly anyone would push a fat man from a bridge to the same end, though the sum is equal. Builders of
          cars that drive themselves have rediscovered the puzzle.`,
        query: 'ethical dilemma about sacrificing a single life to rescue several',
      },
      {
        text: `Stoics such as Epictetus divided all things into those that depend on us, our judgements and wishes, and
          those that do not, like health, fame and other people's behaviour. Peace of mind comes from caring for the
          former only. Cognitive therapy has taken over much of this.`,
        query: 'ancient Greek wisdom about accepting what lies beyond your control',
      },
      {
        title: 'Why time flies as we age',
        text: `A summer seems endless to a child and a few weeks to a pensioner. In memory we measure a span by the
          number of new impressions, and these get fewer with routine. Holidays in a strange place feel long
          afterwards, so novelty may be the best way to live longer.`,
        query: 'the years appear shorter when you are old, a psychological explanation',
      },
      {
        text: `Introverts are not necessarily shy. They enjoy company, but it drains them, and they recover alone, while
          extroverts are charged by a crowd. Open offices and loud meetings suit the latter; firms that send round
          the questions a day ahead hear more from the former.`,
      },
    ],
  },
  {
    name: 'places',
    articles: [
      {
        title: 'Iceland',
        text: `Iceland sits where two plates of the crust drift apart, and grows by two centimetres a year. Hot springs
          heat nearly every home and some of the pavements. There are hardly any trees, more sheep than inhabitants,
          and a phone book that is sorted by first name.`,
        query: 'Nordic volcanic island that gets geothermal warmth, sparsely populated',
      },
      {
        text: `Venice stands on millions of alder and oak poles that were driven into the mud of the lagoon. Under water,
          without air, the wood has not rotted. The city sinks by a millimetre or two a year while the sea rises,
          and since 2020 flood gates close off the Adriatic at high tide.`,
        query: 'Italian town of canals built on timber piles is threatened by drowning',
      },
      {
        title: 'The Dead Sea',
        text: `The shore of the Dead Sea is the lowest dry land on earth, more than 430 metres below the level of the
          oceans. Bathers float like corks, as the water is ten times as salty as elsewhere. It loses a metre of
          depth every year, since the Jordan is drained for fields.`,
        query: 'shrinking lake between Israel and its eastern neighbour where swimmers cannot go under',
      },
      {
        text: `Singapore was a swampy harbour without resources when it became independent in 1965. Today it is among the
          richest countries. It buys sand to gain land, recycles sewage into drinking water, forbids the sale of
          chewing gum and makes cars so dear that most people take the underground.`,
        query: 'strict and wealthy Asian city state that transformed itself from poverty',
      },
      {
        title: 'The Sahara',
        text: `Only a quarter of the Sahara is sand; the rest is gravel, bare plateaus and mountains with giraffes
          painted on their rocks. Six thousand years ago there were lakes and herds of cattle. Dust from it blows
          across the Atlantic and fertilises the forests of the Amazon.`,
      },
      {
        text: `Istanbul lies on two continents, with ferries and three bridges between them. It has been the capital of
          Romans, Byzantines and Ottomans under as many names. The great church of Saint Sophia became a mosque,
          then a museum, and in 2020 a mosque again.`,
        query: 'Turkish metropolis spanning the Bosphorus, formerly Constantinople',
      },
      {
        title: 'Madagascar',
        text: `Madagascar broke away from Africa and India so long ago that nine tenths of its animals occur nowhere
          else. Lemurs fill the place of monkeys, and half of all chameleon species live there. The first settlers
          came not from the nearby coast but across the ocean from Borneo.`,
        query: 'huge southern island nation with unique wildlife',
      },
      {
        text: `Canada has more lakes than the rest of the world taken together, left behind by the ice age. Nine out of
          ten people live within a few hours of the southern border. In the Arctic north, villages have no road to
          anywhere and are supplied by air and by one ship in summer.`,
        query: 'vast and mostly empty nation beyond the United States, with innumerable bodies of freshwater',
      },
      {
        title: 'Potosí',
        text: `At four thousand metres in what is now Bolivia, the Spaniards found a mountain of silver in 1545. A
          century on, Potosí was as large as London. The coins struck there paid for wars in Europe and porcelain
          from China, and cost the lives of countless forced miners.`,
        query: 'colonial era Andean boomtown that produced precious metal with native slave labour',
      },
      {
        text: `The Netherlands would lose a quarter of their area without dikes and pumps. Windmills drained the first
          polders in the Middle Ages, elected water boards levied taxes before there was a state, and after the
          flood of 1953 storm barriers were built that are among the largest moving structures on earth.`,
      },
    ],
  },
];
