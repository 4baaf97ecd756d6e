/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const newsAndWork: readonly ArticleTopic[] = [
  {
    name: 'local news',
    articles: [
      {
        title: 'Swimming pool to close for two summers',
        text: `The outdoor pool at Mill Lane will stay shut until May after next. Engineers found that a third of the
          water seeps away through cracks below the big basin. The council voted 31 to 9 for a repair at six
          million, and against a new building. Clubs move to the school in Hartwell.`,
        query: 'municipal bathing facility is leaking and must be renovated',
      },
      {
        text: `A fox has been living under the stage of the town theatre since March, with four cubs. The gardener leaves
          the side door open, actors step over chewed slippers, and the box office sells postcards of the family.
          Rehearsals of the autumn play have been moved to the foyer.`,
        query: 'wild animal with babies settled in a playhouse',
      },
      {
        title: 'Bus line 7 gets its own lane',
        text: `From Monday a strip of Station Road belongs to buses and taxis between six and nine in the morning. Forty
          parking bays go. Shopkeepers collected 800 signatures against it, while the operator expects to save eight
          minutes on each trip. After a year the figures will be looked at again.`,
        query: 'commuter traffic priority scheme angers retailers',
      },
      {
        text: `Three boys of eleven found a purse with 4,000 pounds on the river path and carried it to the police. The
          owner, a roofer, had withdrawn the money to pay his crew. He gave each finder a season ticket for the
          football club and offered them an apprenticeship in five years.`,
        query: 'honest kids returned lost cash and were rewarded',
      },
      {
        title: 'Storm fells the market oak',
        text: `The oak on the market square, planted for a royal wedding in 1863, fell in the gale of Tuesday night.
          Nobody was hurt, since the stalls had been cleared. A joiner is to make benches of the trunk, and pupils
          have raised forty seedlings from its acorns.`,
      },
      {
        text: `Residents of Harbour Street may sleep again. The court ordered the night club Neptune to turn its music
          down to fifty-five decibels after eleven, and to keep the terrace empty from midnight on. The landlord had
          argued that his guests were there before the flats were.`,
        query: 'judge rules on noise complaint of neighbours versus a disco',
      },
      {
        title: 'Library lends drills and cake tins',
        text: `Members of the library can now borrow two hundred things besides books: a drill, a sewing machine, a
          projector, a tin in the shape of a dinosaur. Each goes out for a week, free of charge. Most wanted so far
          is the device that measures how much power a fridge eats.`,
        query: 'public institution starts loaning tools and household objects',
      },
      {
        text: `An electrical fault caused the fire at the cheese dairy in Upper Wick, investigators say. Eleven brigades
          fought the flames until dawn and saved the cellars, in which thirty tons were ripening. Farmers from the
          valley took in the milk that would have had to be poured away.`,
        query: 'short in the wiring burned down a food factory, firefighters rescued stock',
      },
      {
        title: 'School without bells',
        text: `St Anne's has switched off its bells. Lessons last eighty minutes, begin at half past eight and end when
          the teacher says so. The head points to fewer late arrivals and quieter corridors. A survey among parents
          found 71 percent in favour, and one complaint about cold soup.`,
        query: 'pupils at an educational establishment no longer follow a ringing schedule',
      },
      {
        text: `The mayor has given up her official car. Ms Okafor cycles to appointments or takes the train, and lends
          the vehicle to the food bank three days a week. The opposition speaks of a stunt and asked what the lift
          home from last week's ball had cost: nothing, a fireman drove her.`,
      },
    ],
  },
  {
    name: 'business news',
    articles: [
      {
        title: 'Chip maker to build in Saxony',
        text: `The Taiwanese group Sanlung will spend eight billion euros on a plant near Dresden. Half of it comes from
          the state, which wants fewer of its semiconductors to cross the Pacific. Production for car makers is to
          begin in four years. Trade unions welcome 2,000 jobs and fear for the groundwater.`,
        query: 'subsidised factory for microprocessors in eastern Germany',
      },
      {
        text: `The airline Norda has applied for protection from its creditors. Two engines out of five are grounded for
          want of parts, and fuel went up by a third. Flights continue for the time being; customers with tickets
          from June on should wait before they book a hotel.`,
        query: 'carrier near bankruptcy, will travellers lose what they paid',
      },
      {
        title: 'Coffee at a record',
        text: `Arabica beans rose to 4.30 dollars a pound in New York, more than ever. Drought in Brazil and frost in the
          year before have emptied the stores, and farmers are holding back what is left. Roasters announced
          increases of up to a fifth, which shelves will show after Easter.`,
        query: 'bad harvests make the morning brew more expensive for consumers',
      },
      {
        text: `Two brothers who run 190 opticians' shops are handing it to a foundation. Profits will go to schools for
          the blind, and nobody can sell the firm any more. Staff elect a third of the board. Their children, said
          the elder, had all learned something decent.`,
        query: 'owners of glasses retailer donate the business to charity instead of heirs',
      },
      {
        title: 'Strike ends on the railways',
        text: `After eleven days trains are running again. Drivers receive 410 euros more a month in two steps, and their
          week goes down to thirty-five hours until 2029, though whoever likes may work longer for more. The
          agreement lasts 26 months, in which no walkout is allowed.`,
      },
      {
        text: `The regulator fined the video portal Clipo 345 million for the way in which it treated minors. Profiles of
          those under sixteen were public by default, and the box that linked a parent's account was never checked.
          The company calls the sum out of proportion and will appeal.`,
        query: 'social media platform punished over the privacy of children',
      },
      {
        title: 'A toy brand comes back',
        text: `Ten years after its bankruptcy the maker of the wooden train Puffo is in profit. The founder's
          granddaughter bought the brand for one euro, moved the sawmill to Slovenia and sells to adults who
          remember. Half the turnover comes from a locomotive at 189 euros that runs on nothing but a push.`,
        query: 'nostalgic plaything manufacturer revived by family member',
      },
      {
        text: `Sales of heat pumps fell by half within a year, and the market leader sends 900 employees on short time.
          Dealers blame the debate on subsidies, which made buyers wait. Installers, however, have full books again
          since gas became dearer in autumn, and expect a shortage in spring.`,
        query: 'downturn in demand for green boilers that replace oil',
      },
      {
        title: 'Supermarket drops self-service tills',
        text: `Garth & Lowe, with 28 shops in the north, puts cashiers back behind nearly all its tills. Customers had
          found the machines slow and impersonal, and fruit was often weighed as the cheaper kind. Theft is said to
          have gone down, too. A larger rival is adding another thousand of them.`,
        query: 'grocery chain returns to human checkout staff',
      },
      {
        text: `The central bank left its rate at 3.5 percent and hinted at a cut in September. Prices rose by 2.4 percent
          in the past twelve months, less than feared, yet wages are growing twice as fast. The euro lost half a
          cent; the index of leading shares closed at a high for the third day running.`,
      },
    ],
  },
  {
    name: 'sport',
    articles: [
      {
        title: 'Penalty shoot-out',
        text: `If a cup match is level after extra time, five players of each side shoot from eleven metres in turn.
          Goalkeepers must have one foot on the line until the ball is struck. The team that goes first wins
          slightly more often, as the other has to catch up under strain.`,
        query: 'how are knockout soccer games decided when nobody leads',
      },
      {
        text: `A marathon is 42.195 kilometres long because the royal family wanted to see the start of 1908 from the
          nursery window at Windsor. At about kilometre thirty the sugar in the muscles is used up and legs turn to
          lead. Runners call it the wall, and train by going long and slow.`,
        query: 'odd distance of the classic endurance race, and the sudden exhaustion late in it',
      },
      {
        title: 'Offside explained',
        text: `A footballer is offside if he is nearer to the goal than the ball and the last defender but one at the
          moment when a teammate passes to him. Arms do not count. It is no offence in one's own half, nor from a
          throw-in. Cameras now judge by the width of a boot.`,
        query: 'the soccer rule that forwards must not wait behind opponents',
      },
      {
        text: `Judo throws are about balance, not strength. One pulls the opponent until he has to step, and sweeps away
          the leg on which his weight will be. A clean throw on the back ends the bout at once. Beginners learn to
          fall first, slapping the mat with the arm.`,
        query: 'Japanese martial art in which a smaller fighter can bring down a heavier one',
      },
      {
        title: 'Drafting in cycling',
        text: `Whoever rides close behind another cyclist needs a third less power, as the air has been parted already.
          That is why the peloton is faster than a single man in flight, and why he is nearly always caught near the
          finish. In echelons, the wind decides who finds room.`,
      },
      {
        text: `In tennis, points run fifteen, thirty, forty, perhaps from the quarters of a clock face. At forty all a
          player needs two in a row. A set goes to six games with a margin of two; at six all a tie-break to seven
          decides. The longest match took eleven hours over three days.`,
        query: 'how the scores of the racket sport at Wimbledon are counted',
      },
      {
        title: 'Doping tests',
        text: `Athletes of the top group enter for every day an hour and a place where they can be found. Whoever is
          missed three times in a year is banned like one who was caught. Samples are frozen for ten years, since
          laboratories get better; medals have changed hands long after the podium.`,
        query: 'controls for illegal performance enhancing drugs among elite competitors',
      },
      {
        text: `Sumo knows no weight classes. The wrestler who leaves the ring of straw, or touches the clay with anything
          but the soles of his feet, has lost, mostly within ten seconds. Before, they toss salt to purify the
          ground. Young men in a stable cook and clean for the champions.`,
        query: 'traditional bouts between giant Japanese fighters',
      },
      {
        title: 'Chess clocks',
        text: `Since both players get the same time, often ninety minutes and half a minute more for each move, thinking
          has become a resource. Who lets the flag fall has lost in any position. In blitz with three minutes,
          champions move pieces before the rival has pressed his button.`,
        query: 'limiting how long each board game opponent may ponder',
      },
      {
        text: `Climbing at the Olympics is three sports. In speed two rivals race up an identical wall of fifteen metres
          in about five seconds. Boulders are short, fiendish problems without a rope, and in lead the goal is to
          get as high as one can within six minutes. Isolation hides the routes beforehand.`,
      },
    ],
  },
  {
    name: 'staff handbook',
    articles: [
      {
        title: 'Calling in sick',
        text: `Tell your manager before nine on the first day that you are ill, by telephone or message; you need not say
          what you have. From the fourth day we need a certificate from a doctor. If you fall ill during a holiday
          and have it certified, those days are given back to you.`,
        query: 'what should employees do when they are unwell and cannot come to the office',
      },
      {
        text: `You have thirty days of leave a year, and thirty-two after five years with us. Ask for more than two weeks
          at a time by the end of January, so that teams can plan. Up to five days may be carried into the next year
          and lapse at the end of March.`,
        query: 'annual vacation entitlement, and what happens with the unused rest',
      },
      {
        title: 'Working from home',
        text: `Up to three days a week you may work from home, after agreeing the days with your team. We lend you a
          screen and a chair. Confidential papers stay in the office, calls with clients take place where no one can
          listen, and from abroad you may work for twenty days a year.`,
        query: 'remote job policy, including laptop nomads in other countries',
      },
      {
        text: `Trips are booked through the portal: the train for anything under five hours, second class, hotels up to
          130 euros a night. Submit receipts within a month, photographed one by one. Meals are paid by the flat
          rate of the tax office, less breakfast where the hotel includes it.`,
        query: 'reimbursement of business travel costs and its limits',
      },
      {
        title: 'The first week',
        text: `On your first morning you will be met at reception, get keys and a laptop, and have lunch with your team.
          A colleague from another department is your guide for three months. By Friday you should have met everyone
          on your list and changed one small thing in our product.`,
      },
      {
        text: `Parents may take up to three years off for each child, with their job kept open. Announce it seven weeks
          before, and say for which months; changing your mind later needs our consent. Working up to thirty-two
          hours a week is possible meanwhile. The cradle in the meeting room is for everyone.`,
        query: 'leave after having a baby, and returning part time',
      },
      {
        title: 'Presents from suppliers',
        text: `A calendar or a box of biscuits is fine. Report anything worth more than thirty-five euros to the legal
          department, and hand it in for the raffle in December, from which the hospice profits. Invitations to a
          match or concert need a yes beforehand. Cash is refused always, by all.`,
        query: 'anti corruption rules on accepting gifts from vendors',
      },
      {
        text: `If you see something that breaks the law or endangers people, you can tell an outside lawyer in
          confidence, by telephone or through a form that keeps no address. She passes on only what you allow.
          Nobody who reports in good faith will suffer for it, even if they were wrong.`,
        query: 'anonymous whistleblower channel and safeguards against retaliation',
      },
      {
        title: 'Learning at our expense',
        text: `Each of us has five days and 1,500 euros a year for courses, books and conferences. Choose for yourself;
          your manager may object only to the date. Tell the others afterwards what was worth knowing, in twenty
          minutes over lunch. Language lessons in the house do not count towards the sum.`,
        query: 'training budget so that personnel can develop their professional skills',
      },
      {
        text: `When the alarm sounds, leave everything, close the door behind you and walk down the stairs to the oak
          across the street. Wardens in yellow vests check the rooms and count heads. Do not go back for a coat.
          Drills take place twice a year, one of them unannounced.`,
      },
    ],
  },
];
