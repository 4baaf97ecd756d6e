/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const science: readonly ArticleTopic[] = [
  {
    name: 'physics',
    articles: [
      {
        title: 'Why the sky is blue',
        text: `Sunlight contains all colours. On its way through the air the short waves are scattered in every direction
          by the molecules, the long ones hardly at all. So blue reaches us from all parts of the sky, and in the
          evening, when the path is longest, only red gets through.`,
        query: 'explanation of the azure shade of the heavens at daytime',
      },
      {
        text: `A boat floats as long as it pushes aside as much water as it weighs itself. Steel sinks as a lump, yet a
          ship made of it is mostly hollow. If the hull takes in a leak, the air inside is replaced, the balance is
          lost, and down it goes.`,
        query: 'buoyancy, or why heavy metal vessels stay on the surface',
      },
      {
        title: 'Superconductors',
        text: `Cool certain metals to a few degrees above absolute zero and all electrical resistance is gone. A current
          that was started in a ring of lead flows for years without a battery. Hospitals rely on the effect for the
          strong magnets of their scanners, which are kept in liquid helium.`,
        query: 'frigid materials through which electrons move with no loss at all',
      },
      {
        text: `A rainbow appears when the sun stands low behind you and rain falls in front. Each drop bends the light as
          it enters, mirrors it at the back and bends it again on leaving, every colour by a slightly different
          angle. No two people see the same one.`,
        query: 'how are those bright arcs formed in the heavens after a shower',
      },
      {
        title: 'The siphon',
        text: `Water flows uphill through a hose if the far end hangs lower than the surface that it comes from. The
          heavier column on the long side pulls the rest after it over the top. Campers empty tanks this way, and
          the bend under a sink works on the principle unwillingly.`,
      },
      {
        text: `Heat travels in three manners. It passes from particle to particle in a metal spoon, is carried along by
          moving air or water, and crosses empty space as radiation, as from the sun. A vacuum flask blocks all
          three with a gap, a stopper and a shiny coating.`,
        query: 'conduction, convection and infrared, and how a thermos prevents each',
      },
      {
        title: 'The speed of light',
        text: `Nothing is faster than light in a vacuum, which covers 300,000 kilometres in a second. The astronomer
          Rømer found in 1676 that it takes time at all, because the moons of Jupiter seemed late when the planet
          was far away. Since 1983 the metre has been defined by it.`,
        query: 'the universal maximum velocity, and who first noticed that it is finite',
      },
      {
        text: `Microwave ovens heat food with waves of about twelve centimetres. Water molecules have a positive and a
          negative end and keep turning to follow the field, which changes direction billions of times a second. Dry
          plates stay cool, and ice warms badly since its molecules are locked in place.`,
        query: 'appliance that cooks leftovers by making liquid particles rotate quickly',
      },
      {
        title: 'Friction',
        text: `Without friction no one could walk, no nail would hold and no car would brake. It turns motion into heat,
          so engines waste a good part of their fuel on it and need oil. Physicists still argue about its exact
          cause where two smooth surfaces meet.`,
        query: 'rubbing force that slows objects down yet gives shoes their grip',
      },
      {
        text: `A lever trades force for distance. With a crowbar whose long arm is ten times the short one, a child lifts
          what a strong adult cannot move, though only a tenth as far. Scissors, wheelbarrows, bottle openers and
          our own elbows are levers too.`,
      },
    ],
  },
  {
    name: 'astronomy',
    articles: [
      {
        title: 'Why Pluto was demoted',
        text: `Pluto was the ninth planet for 76 years. Then several other icy bodies of its size were found beyond
          Neptune, and in 2006 astronomers agreed that a planet must have cleared its orbit of such company. Since
          then it has been called a dwarf, to the anger of many school children.`,
        query: 'when and for what reason did the solar system drop to eight worlds',
      },
      {
        text: `The tides are the work of the moon and, to a lesser degree, the sun. Our satellite pulls the near side of
          the oceans more strongly than the centre of the earth, and the far side less. So there are two bulges,
          beneath which the globe turns once a day.`,
        query: 'what makes the sea level rise and fall twice daily',
      },
      {
        title: 'Shooting stars',
        text: `A shooting star is no star but a grain of dust, often no bigger than a pea. It hits the atmosphere at
          fifty kilometres a second and glows up in a streak for a moment. Every August we cross the litter of a
          comet, and can then count dozens in an hour.`,
        query: 'meteors burning in the night sky, especially the Perseid shower in summer',
      },
      {
        text: `Venus is nearly as large as the earth but no sister to visit. Under thick clouds of sulphuric acid the
          ground is hot enough to melt lead, since carbon dioxide traps the warmth. The first probes that landed
          there were crushed or cooked within about two hours.`,
        query: 'the second world from our sun, with its extreme greenhouse conditions',
      },
      {
        title: 'The life of the sun',
        text: `Our sun is about halfway through its life. It has burned hydrogen for nearly five billion years and has
          enough for as long again. Afterwards it will swell into a red giant, swallow Mercury, blow off its shell
          and end as a white ember no larger than the earth.`,
      },
      {
        text: `Jupiter is a ball of gas that outweighs all other planets together. Its Great Red Spot is a storm which
          was first drawn in the nineteenth century, or perhaps two hundred years earlier, and is still wider than
          our whole globe. Four of its many moons can be seen through simple binoculars.`,
        query: 'the biggest giant of the solar neighbourhood and its long lasting hurricane',
      },
      {
        title: 'The International Space Station',
        text: `The station circles us every ninety minutes at a height of 400 kilometres. Its crew of seven exercise for
          two hours a day against the loss of bone, recycle their breath and sweat, and see sixteen sunrises between
          one breakfast and the next. Ships bring supplies every few weeks.`,
        query: 'orbiting laboratory where astronauts live in weightlessness',
      },
      {
        text: `Galaxies move away from us, and the farther off they are the faster they go. Hubble concluded in 1929 that
          space itself expands. If one runs the film backwards, everything was in one place about fourteen billion
          years ago; the afterglow of that beginning still fills the sky as weak microwaves.`,
        query: 'evidence that the universe grows and started with a big bang',
      },
      {
        title: 'Leap seconds',
        text: `The rotation of the earth is slightly irregular and slows down over the centuries. To keep clocks in step
          with it, a second was added to the last minute of June or December 27 times since 1972. Computers coped so
          badly that the practice is to be given up by 2035.`,
        query: 'adjusting official chronometers by tiny corrections, and why engineers want to abolish them',
      },
      {
        text: `Constellations are pictures that people have seen in random points. The stars of Orion look like
          neighbours but lie hundreds of light years behind one another. Astronomers have kept 88 such figures with
          exact borders, in order to name the region in which a thing is found.`,
      },
    ],
  },
  {
    name: 'mathematics',
    articles: [
      {
        title: 'The birthday problem',
        text: `How many guests must be at a party until two of them were probably born on the same date? Most people
          guess over a hundred, but twenty-three are enough. The reason is that not the guests count but the pairs,
          and of those there are 253.`,
        query: 'surprising chance of a coincidence among small groups celebrating the identical calendar anniversary',
      },
      {
        text: `Euclid proved that there is no largest prime. Suppose we had a complete list; multiply all its members and
          add one. The result leaves a remainder with each of them, so it has a prime factor that was missing. The
          argument is 2,300 years old and needs five lines.`,
        query: 'why numbers divisible solely by themselves never end',
      },
      {
        title: 'Mean and median',
        text: `If a billionaire walks into a pub, the mean income there explodes, while the median hardly moves. The
          first adds everything up and divides by the count; the second is the value of the person in the middle.
          For wages and house prices the latter usually tells more.`,
        query: 'which average is better when a few extreme outliers distort statistics',
      },
      {
        text: `Pi is the ratio between the way round a circle and the way across. Archimedes caught it between two
          fractions by drawing polygons with 96 sides; computers have printed trillions of digits. They never end
          and never repeat, and a few dozen would do for any practical purpose.`,
        query: 'the constant 3.14 that links circumference with diameter',
      },
      {
        title: 'The golden ratio',
        text: `A line is cut in the golden ratio if the whole is to the longer piece as that piece is to the shorter. The
          number, about 1.618, turns up in pentagons, in sunflower heads and, by wishful thinking, in many a
          painting. It is the limit of ratios in Fibonacci's sequence.`,
      },
      {
        text: `Zero came late. The Romans got along without it, and calculated with pebbles. Indian scholars of the
          seventh century were the first to treat nothing as a number with rules of its own, and Arab traders
          carried it with the other digits to Europe, where some cities banned it as an aid to fraud.`,
        query: 'origin of the symbol for empty quantity in arithmetic',
      },
      {
        title: 'The travelling salesman',
        text: `A salesman wants to visit fifty towns and come home by the shortest tour. Trying all orders would take
          longer than the universe has existed, and no method is known that is always quick. In practice clever
          rules find tours that are only a percent or two too long.`,
        query: 'optimal route planning between many cities, a famously hard puzzle for computers',
      },
      {
        text: `In a game show you choose one of three doors, the host opens another with a goat behind it and offers you
          to switch. You should: your first choice wins the car in one case of three, so the remaining door wins in
          two. Thousands of readers refused to believe it.`,
        query: 'Monty Hall probability paradox, why swapping is the better strategy',
      },
      {
        title: 'Secret codes from prime numbers',
        text: `It is easy to multiply two primes of three hundred digits, and hopeless to find them again from the
          product. On this imbalance rests the padlock in the browser: everyone may know the product and use it to
          encrypt, but only the owner of the factors can decrypt.`,
        query: 'RSA public key cryptography relies on the difficulty of splitting a large integer',
      },
      {
        text: `A Möbius strip is a band of paper that was given half a twist before its ends were glued together. It has
          one side and one edge, which an ant could prove by a walk. Cut along the middle, it does not fall apart
          but turns into a longer loop.`,
      },
    ],
  },
  {
    name: 'health',
    articles: [
      {
        title: 'Hay fever',
        text: `In hay fever the immune system mistakes pollen for a dangerous intruder. Eyes itch, the nose runs, and
          some sufferers develop asthma later on. Tablets relieve the symptoms; a course of injections over three
          years can retrain the body. It helps to wash your hair before bed and to air the bedroom after rain.`,
        query: 'seasonal allergy to blossoming grass that causes sneezing',
      },
      {
        text: `High blood pressure hurts nobody, which is what makes it dangerous. Over the years it stiffens the
          arteries and strains the heart, until a stroke comes out of the blue. Less salt, a daily walk and fewer
          drinks bring the figures down by as much as a first pill does.`,
        query: 'hypertension, the silent killer without symptoms, and lifestyle changes against it',
      },
      {
        title: 'What to do about a nosebleed',
        text: `Sit upright and lean forward so that the blood runs out and not down your throat. Pinch the soft part of
          the nose for ten minutes without letting go to look. See a doctor if it has not stopped after half an
          hour, or if you take medicine that thins the blood.`,
        query: "first aid when red fluid drips from someone's nostrils",
      },
      {
        text: `Diabetes of the second type begins with cells that no longer listen to insulin. The sugar stays in the
          blood, harms small vessels in the eyes, kidneys and feet, and makes people thirsty and tired. Losing
          weight early can send the illness away for years.`,
        query: 'adult metabolic disorder with raised glucose, linked to obesity',
      },
      {
        title: 'Antibiotics and viruses',
        text: `Antibiotics kill bacteria and do nothing against a cold or the flu, which are caused by viruses. Taken
          without need they give resistant germs a chance to spread, until one day a simple wound infection cannot
          be treated. Finish with the packet as your doctor said, and never share leftovers.`,
      },
      {
        text: `A migraine is more than a headache. It throbs on one side, gets worse with every step, and comes with
          nausea and a horror of light. Some patients see zigzag lines half an hour before. Triggers differ, from
          skipped meals to red wine, and a diary helps to discover one's own.`,
        query: 'recurring severe pain in the skull, sometimes announced by visual aura',
      },
      {
        title: 'Lyme disease',
        text: `Ticks wait on blades of grass and can pass on Lyme disease when they feed for more than a day. Search
          yourself after a walk, above all the hollows of the knees, and pull the animal out straight with tweezers.
          A ring that spreads round the bite in the next weeks needs treatment.`,
        query: 'infection from tiny bloodsucking arachnids, recognised by a circular rash',
      },
      {
        text: `Back pain goes away by itself within six weeks in nine of ten people. Bed rest, once prescribed, delays
          recovery; keep moving as far as you can bear it. Scans are rarely useful, because worn discs are found in
          half of those who have no complaints at all.`,
        query: 'should I stay active when my lumbar spine aches',
      },
      {
        title: 'Heat stroke',
        text: `Someone with heat stroke is hot, confused and may no longer sweat. Call an ambulance, bring the person
          into the shade, undress and wet them, and fan. Do not give drinks to anybody who is not fully awake. Old
          people and workers in protective suits are most at risk.`,
        query: 'dangerous summer emergency with high fever from the sun, how do bystanders react',
      },
      {
        text: `Scurvy killed more sailors than all sea battles together. After ten weeks without fresh fruit their gums
          bled and old scars opened again. In 1747 the ship's doctor James Lind gave six different remedies to six
          pairs of patients, and those who ate oranges and lemons were back on their feet within a week.`,
      },
    ],
  },
];
