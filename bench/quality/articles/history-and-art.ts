/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const historyAndArt: readonly ArticleTopic[] = [
  {
    name: 'ancient world',
    articles: [
      {
        title: 'Roman concrete',
        text: `The Romans mixed lime with volcanic ash and lumps of rock, and poured harbours, aqueducts and domes of it.
          In salt water the mixture went on hardening for centuries, as new minerals grew in its pores. The roof of
          the Pantheon still stands without a single bar of steel.`,
        query: "why does cement from Caesar's era outlast modern building material",
      },
      {
        text: `The pyramid of Cheops consists of over two million blocks. They were quarried by crews of farmers who
          worked in the months of the flood and were paid in bread and beer, not by slaves. A papyrus found in 2013
          is the diary of a captain who shipped limestone for it.`,
        query: 'who built the great tomb of the pharaoh at Giza',
      },
      {
        title: 'The Rosetta Stone',
        text: `French soldiers found a slab in 1799 that carries one decree in three scripts: hieroglyphs, everyday
          Egyptian and Greek. Since scholars could read the last, they had a key to the others. Champollion
          recognised in 1822 that the pictures stand for sounds as well as for things.`,
        query: 'archaeological discovery that allowed deciphering the writing of the Nile kingdom',
      },
      {
        text: `In Athens every citizen had a voice in the assembly, and most offices were given by lot. Women, slaves and
          foreigners counted for nothing, so only one inhabitant in ten took part. Anyone who seemed too powerful
          could be sent away for ten years by a vote with potsherds.`,
        query: 'early Greek democracy and the custom of ostracism',
      },
      {
        title: 'The Silk Road',
        text: `Caravans linked China with the Mediterranean for over a thousand years, though hardly a merchant travelled
          the whole way. Silk, paper and peaches went west; glass, horses and the grape came east. Monks carried
          Buddhism along the same tracks, and rats in the bales probably brought the plague.`,
      },
      {
        text: `Vesuvius buried Pompeii in the year 79 under several metres of ash. Bakers' loaves, election slogans and a
          guard dog on its chain lay untouched until the eighteenth century. Where bodies had decayed, hollows
          remained, and plaster poured into them shows people in their last moment.`,
        query: 'volcanic eruption that preserved an Italian town with its victims',
      },
      {
        title: 'The first writing',
        text: `Clerks in Uruk pressed wedges into tablets of clay some 5,300 years ago, in order to record barley, sheep
          and rations of beer. Only much later were stories written down. Because a fire bakes clay, the archives of
          burnt palaces have come down to us in perfect condition.`,
        query: 'cuneiform in Mesopotamia began as bookkeeping',
      },
      {
        text: `Hannibal led an army with 37 war elephants over the Alps in 218 BC and beat the Romans three times in
          their own country. He never dared to attack the capital. In the end his opponents sailed to Africa, and he
          had to hurry home to defend Carthage, in vain.`,
        query: 'general who crossed snowy mountains with big grey beasts to invade Italy',
      },
      {
        title: 'The terracotta army',
        text: `Farmers who were digging a well near Xi'an in 1974 struck the head of a clay soldier. Eight thousand of
          them stand in rows around the tomb of the first emperor of China, each with a face of his own. The bright
          paint flaked off within minutes of meeting dry air.`,
        query: 'buried statues of warriors guarding an ancient Asian ruler',
      },
      {
        text: `The Inca ruled an empire 4,000 kilometres long without wheel, iron or script. Runners carried messages
          over rope bridges and paved roads, 240 kilometres in a day. Numbers, and perhaps more than numbers, were
          kept in knotted cords, which nobody alive can fully read.`,
      },
    ],
  },
  {
    name: 'inventions',
    articles: [
      {
        title: "Gutenberg's press",
        text: `Around 1450 a goldsmith from Mainz cast single letters in metal that could be set, inked, taken apart and
          set again. His Bible came out in 180 copies, in the time in which a monk would have finished one. Fifty
          years later millions of volumes were in circulation, and soon Luther's pamphlets travelled faster than any
          edict.`,
        query: 'movable type made books cheap in the fifteenth century',
      },
      {
        text: `James Watt did not invent the steam engine but stopped it from wasting three quarters of its coal. He had
          the steam condense in a separate vessel, so that the cylinder stayed hot. To persuade the owners of mines
          he measured what a horse could do, and sold power by that unit.`,
        query: 'Scotsman whose improvement fuelled the industrial revolution',
      },
      {
        title: 'Penicillin',
        text: `Alexander Fleming returned from his holiday in 1928 to find mould on a forgotten dish, and round it a ring
          where no bacteria grew. He published and moved on. Ten years later Florey and Chain in Oxford made a drug
          from it, first bred in bedpans for want of better equipment.`,
        query: 'accidental discovery of the original antibiotic by a Scotsman',
      },
      {
        text: `The shipping container was the idea of a haulier, Malcom McLean, who was tired of waiting while dockers
          carried sacks. From 1956 on he lifted whole boxes from lorry to vessel. Loading a ton had cost almost six
          dollars and now cost sixteen cents, and factories could move to wherever labour was cheap.`,
        query: 'standard steel crates revolutionised freight and global trade',
      },
      {
        title: 'Velcro',
        text: `After a walk with his dog in 1941 the Swiss engineer George de Mestral looked at the burrs in its coat
          under a microscope and saw hundreds of tiny hooks. It took him ten years to copy them in nylon.
          Astronauts, and then the makers of children's shoes, became his customers.`,
      },
      {
        text: `Wilbur and Orville Wright ran a bicycle shop and tested two hundred wing shapes in a tunnel made of a
          wooden box. On a December morning in 1903 their machine stayed in the air for twelve seconds. Hardly a
          newspaper reported it, and the army showed no interest for years.`,
        query: 'brothers who achieved the first powered aeroplane flight at Kitty Hawk',
      },
      {
        title: 'The telephone',
        text: `Alexander Graham Bell taught the deaf and was trying to send several telegrams along one wire when he
          noticed that it could carry a voice. His patent reached the office a few hours before that of a rival. The
          company that grew out of it would later give us the transistor.`,
        query: 'who invented talking over long distance cables',
      },
      {
        text: `The sewing machine put the eye of the needle at its point, so that the thread need not pass through the
          cloth as a whole. Singer made it a household article by selling it in monthly instalments. Tailors had
          earlier stormed a workshop in Paris for fear of losing their bread.`,
        query: 'mechanical stitching device and resistance from craftsmen who dreaded unemployment',
      },
      {
        title: 'The World Wide Web',
        text: `Tim Berners-Lee wanted physicists at CERN to find one another's papers, whatever computer these lay on. In
          1989 he proposed pages with links, and his boss wrote "vague but exciting" on the margin. Two years on it
          ran, and the laboratory later gave it to everyone free of charge.`,
        query: 'how hypertext sites on the internet were created at a Swiss research institute',
      },
      {
        text: `For two centuries sailors could not tell how far east or west they were, and fleets ran onto rocks. A
          prize was offered in London in 1714. The carpenter John Harrison spent his life on a clock that kept true
          time on a rolling ship, and had to beg for the money.`,
      },
    ],
  },
  {
    name: 'art and buildings',
    articles: [
      {
        title: 'The Mona Lisa',
        text: `Leonardo carried the portrait with him for years and never handed it to the merchant who is thought to
          have ordered it. The famous smile dissolves when one looks straight at it, because its shadows are
          blurred. A glazier stole it from the Louvre in 1911, and only then did it become a star.`,
        query: "da Vinci's painting of an enigmatic woman, and the theft that brought worldwide fame",
      },
      {
        text: `Gothic builders wanted light. Pointed arches and ribs led the weight of the vault to a few pillars, and
          flying buttresses outside took up the sideways push, so walls could be opened and filled with stained
          glass. At Beauvais they went too high, and the choir fell in.`,
        query: 'medieval cathedral architecture with tall windows and external supports',
      },
      {
        title: 'Impressionism',
        text: `Critics laughed at Monet's harbour in the mist, and gave the movement its name in mockery. He and his
          friends painted outdoors with quick dabs of pure colour, which blend only in the eye. The new tubes of
          paint and the railway to the coast made such trips possible.`,
        query: 'nineteenth century French artists who captured fleeting sunlight with loose brushwork',
      },
      {
        text: `The tower of Pisa began to lean while its third storey was being built, since one half stands on soft
          clay. Wars halted the work long enough for the ground to settle. In the 1990s engineers removed soil from
          beneath the high side and gained half a metre, which should do for two centuries.`,
        query: 'crooked Italian campanile was stabilised against toppling',
      },
      {
        title: 'Japanese woodcuts',
        text: `A print in old Edo was the work of four: a publisher, an artist, a carver who cut one block of cherry wood
          for each colour, and a printer. Hokusai's great wave cost as little as a bowl of noodles. Wrapped round
          porcelain, such sheets reached Paris and changed European painting.`,
      },
      {
        text: `A fresco is painted on wet plaster, which locks the pigment in as it dries. The artist must finish each
          patch within a day, and can correct nothing later except with a hammer. On the ceiling of the Sistine
          Chapel one can still count the days that Michelangelo took.`,
        query: 'mural technique of Renaissance masters where wall and colours harden together',
      },
      {
        title: 'The Sydney Opera House',
        text: `Jørn Utzon won the contest with sketches that nobody knew how to build. The shells could be made only when
          he saw that they might all be cut from one sphere. Costs rose to fourteen times the estimate; the
          architect resigned and never saw the finished concert hall.`,
        query: 'Australian harbour landmark with white sails, notorious for budget overruns',
      },
      {
        text: `Frida Kahlo was eighteen when a tram rammed her bus and broke her spine. She began to paint lying down,
          with a mirror above the bed, and a third of her works are portraits of herself. Pain, monkeys and Mexican
          dress fill them; her house is a museum today.`,
        query: 'Latin American artist who depicted her own face after a terrible accident',
      },
      {
        title: 'Brutalism',
        text: `Architects of the 1960s left concrete as it came from the mould, with the grain of the planks on its face.
          Town halls and universities looked like fortresses, honest to some and hateful to others. Many have been
          pulled down, just as a new generation has begun to love them.`,
        query: 'raw grey postwar buildings, once despised and now admired by young fans',
      },
      {
        text: `Inside a Dutch still life of the seventeenth century nothing is mere decoration. A skull, a watch, a
          peeled lemon or a candle just gone out reminds the viewer that all pleasure ends. The customers were
          merchants who had grown rich, and liked to be warned in style.`,
      },
    ],
  },
  {
    name: 'music',
    articles: [
      {
        title: 'How a violin works',
        text: `The bow is rubbed with resin, so that its hair grips the string and lets go several hundred times a
          second. A small bridge hands the trembling on to the belly of spruce, which moves the air. A post of wood
          inside, called its soul, links front and back.`,
        query: 'the physics of a fiddle and what makes it sound',
      },
      {
        text: `Beethoven noticed in his late twenties that he could no longer follow conversations. He considered
          suicide, and went on composing out of what he heard within. At the first performance of his Ninth in 1824
          a singer had to turn him round so that he could see the applause.`,
        query: 'German musician who wrote symphonies despite his deafness',
      },
      {
        title: 'Twelve-bar blues',
        text: `Blues grew among black workers in the Mississippi delta from field calls and church songs. Its frame is
          twelve bars with three chords; the singer states a line, repeats it and answers it. Bent notes between
          major and minor give it the sad colour that rock and jazz took over.`,
        query: 'African American roots genre with a simple cyclic harmony scheme',
      },
      {
        text: `In an equal tuning every fifth is a trifle too narrow, so that all keys are usable. Earlier keyboards had
          a few pure chords and a few that howled like wolves. Bach wrote a prelude and fugue in each of the 24 keys
          to show what a good temperament allows.`,
        query: 'how pianos are adjusted so that music sounds right in any scale',
      },
      {
        title: 'The pipe organ',
        text: `An organ is the largest of instruments: thousands of pipes of tin and wood, from as short as a pencil to
          ten metres high. Wind from bellows enters those whose stop is drawn and whose key is down. Blind men or
          choirboys used to tread the bellows, today a motor does.`,
      },
      {
        text: `The conductor makes no sound, and yet two orchestras under one baton resemble each other more than one
          orchestra under two. Most of the job is done in rehearsal: balance, speed, where to breathe. On the night,
          a beat shown a moment ahead holds ninety players together.`,
        query: 'what does the maestro waving a stick in front of the musicians really contribute',
      },
      {
        title: 'Gamelan',
        text: `A gamelan consists of gongs and metal bars that are struck with mallets, built and tuned as a set and
          never mixed with another. Paired instruments are slightly out of tune on purpose, which makes the sound
          shimmer. Debussy heard one in Paris in 1889 and was overwhelmed.`,
        query: 'traditional bronze percussion ensemble of Java and Bali',
      },
      {
        text: `Synthesizers of the sixties filled a wall and had to be patched with cables for each sound. Robert Moog's
          small model of 1970 had a keyboard, fixed wiring and a price that a band could pay. Producers of disco and
          hip-hop were soon building whole records with it.`,
        query: 'electronic tone generators that shaped pop, from bulky modular cabinets to portable units',
      },
      {
        title: 'Earworms',
        text: `A tune that goes round in the head for hours is called an earworm. It is usually short, fast and familiar,
          with one odd leap that stays unresolved. Listening to the complete song, or chewing gum, gets rid of it
          more reliably than trying to think of nothing.`,
        query: 'why is some catchy melody stuck in my mind, and how can I stop it',
      },
      {
        text: `Castrati were boys with fine voices who had been operated on before theirs could break. With the chest of
          a man and the larynx of a child they held notes for a minute, and were the stars of opera for two
          centuries. The last one sang in the Vatican until 1913.`,
      },
    ],
  },
];
