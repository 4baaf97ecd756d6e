/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const nature: readonly ArticleTopic[] = [
  {
    name: 'animals',
    articles: [
      {
        title: 'The hummingbird',
        text: `Hummingbirds are the only birds that can fly backwards. Their wings beat up to eighty times a second,
          which lets them hang still in the air in front of a blossom while they drink its nectar. To pay for this
          effort they feed every few minutes and let their temperature fall at night.`,
        query: 'tiny feathered creature that hovers at flowers and can reverse in flight',
      },
      {
        text: `The octopus has three hearts and blue blood. Most of its nerve cells sit in its eight arms, so each of
          them can taste, touch and decide a little on its own. When it is frightened it squirts a cloud of ink and
          shoots away, and it can change colour in less than a second.`,
        query: 'sea animal with many tentacles that hides behind black liquid when scared',
      },
      {
        title: 'How bears spend the winter',
        text: `When food becomes scarce in late autumn, brown bears retire to a den that they have dug in a hillside.
          Their heart slows to around ten beats a minute and they neither eat nor drink for months. Females give
          birth in this time and nurse their cubs half asleep.`,
        query: 'why do grizzlies hibernate through the cold season without any meals',
      },
      {
        text: `Salmon hatch in cold streams, wander to the ocean and return years later to the very stream where they
          were born. They are thought to find the mouth of the river by the magnetic field and the rest of the way
          by smell. After spawning, most Pacific species die.`,
        query: 'fish that swims back upriver to its birthplace to lay eggs',
      },
      {
        title: 'Elephants and their trunks',
        text: `An elephant's trunk is nose and hand in one, with some forty thousand muscles and no bone. It can pull
          down a branch, pick up a single peanut, suck up ten litres of water or greet a relative. Calves need about
          a year before they control it properly.`,
      },
      {
        text: `Bats find their way in complete darkness by shouting. They send out calls far too high for human ears and
          listen for what comes back from walls, branches and moths. From the delay and the pitch of this reply they
          know how far off a thing is and how fast it moves.`,
        query: 'flying mammals that navigate at night using echoes and ultrasound',
      },
      {
        title: 'Termite mounds',
        text: `Termites of the African savanna build towers of earth several metres tall, though each worker is no longer
          than a fingernail. Inside, a network of shafts lets stale air rise and fresh air sink, much as lungs do.
          In the cellar they farm a fungus that digests wood for them.`,
        query: 'insects whose huge mud nests have natural ventilation and mushroom gardens',
      },
      {
        text: `The cuckoo raises no young of its own. The female lays a single egg in the nest of a reed warbler or a
          pipit while the owners are out, and its shell mimics theirs. The chick that hatches pushes the others over
          the edge and is fed until it is far larger than its foster parents.`,
        query: 'bird that tricks different species into bringing up its offspring',
      },
      {
        title: 'Camels in the desert',
        text: `A camel's hump holds fat rather than water. The animal survives dry weeks because it hardly sweats, lets
          its body grow warm by day and cool by night, and wastes almost nothing in its urine. At a well it can
          swallow a hundred litres in a quarter of an hour.`,
        query: 'how do dromedaries get through drought in arid sandy lands with so little to drink',
      },
      {
        text: `Wolves live in packs that are mostly families: a pair of parents with the pups of the last two or three
          years. They hunt together over a territory of hundreds of square kilometres and mark its border with
          scent. Howling gathers the group and warns strangers to stay outside.`,
      },
    ],
  },
  {
    name: 'plants',
    articles: [
      {
        title: 'Why leaves turn red in autumn',
        text: `As the days grow shorter, maples and oaks stop making chlorophyll and draw its parts back into the twigs.
          Yellow pigments that were there all summer come into view. Some species produce a red dye as well,
          probably to shield the leaf from bright light while it is being emptied.`,
        query: 'why does foliage lose its green and become colourful in fall',
      },
      {
        text: `Venus flytraps grow in poor, boggy soils of the Carolinas and take nitrogen from insects. Each trap
          carries fine hairs, and it snaps shut only if two of them are touched within twenty seconds, so that
          raindrops do not set it off. Digesting a fly takes more than a week.`,
        query: 'carnivorous herb that closes on bugs which brush its trigger bristles',
      },
      {
        title: 'Bamboo',
        text: `Bamboo is a grass, although some kinds are taller than a house. A shoot comes out of the ground with its
          final thickness and may rise by almost a metre in a day. Many species flower only once in several decades,
          all over the world at nearly the same time, and then die.`,
        query: 'the fastest growing woody stalk, eaten by pandas, that blossoms very rarely',
      },
      {
        text: `The roots of most forest trees are wrapped in the threads of fungi. The fungus brings water and phosphorus
          from pores too narrow for a root, and is paid with sugar. Through these threads one tree may even pass
          food to a neighbour that stands in the shade.`,
        query: 'underground partnership between mushrooms and woodland plants that trade nutrients',
      },
      {
        title: 'The oldest living trees',
        text: `High in the White Mountains of California stand bristlecone pines that were seedlings before the pyramids
          were built. Cold wind and stony ground let them grow so slowly that their wood is dense and full of resin,
          which keeps beetles and rot away. The place of the very oldest is kept secret.`,
      },
      {
        text: `Cacti have no leaves in the usual sense; theirs have become spines, which cast shade and discourage
          animals that are thirsty. The thick green stem does the photosynthesis and swells like an accordion after
          rain. Its pores open only at night, when less moisture is lost.`,
        query: 'how do prickly desert succulents store water and avoid drying out',
      },
      {
        title: 'Mistletoe',
        text: `Mistletoe sits in the crown of apple trees and poplars and taps their sap, though it has green leaves and
          makes its own sugar. Birds eat the white berries and wipe the sticky seeds off on a branch, where they
          sprout. People hang it over the door at Christmas and kiss beneath.`,
        query: 'parasitic shrub that couples stand under for a romantic winter custom',
      },
      {
        text: `Rice seedlings are set out in flooded fields. The plant does not need the water for itself, but most weeds
          drown in it, and air channels in the stem carry oxygen down to the roots. In the mud live bacteria that
          give off methane, so that paddies warm the climate noticeably.`,
        query: 'why is this Asian cereal grown in wet paddocks and how does that cause greenhouse gas',
      },
      {
        title: 'Seeds that travel',
        text: `Plants cannot walk, but their seeds go far. Dandelions hang theirs on a parachute, maples on a propeller,
          burdock clings to fur, and a coconut drifts across a sea. The squirting cucumber fires its own out of a
          ripe fruit, under so much pressure that they land six metres away.`,
        query: 'different methods by which flora spread their offspring with wind, animals and ocean',
      },
      {
        text: `Tulips came from the mountains of Central Asia to the gardens of Turkish sultans and from there to
          Holland. In the winter of 1636 bulbs with flamed petals changed hands for the price of a town house, until
          one day no buyer appeared. The flames, it was found later, came from a virus.`,
      },
    ],
  },
  {
    name: 'human body',
    articles: [
      {
        title: 'The skin',
        text: `Skin is the largest organ that we have, nearly two square metres in an adult. Its outer layer consists of
          dead cells that flake off and are replaced within a month. Below lie glands for sweat, hair roots, and
          sensors for touch, pain, heat and cold. It also makes vitamin D in sunshine.`,
        query: 'the external covering of humans that renews itself constantly and protects the body',
      },
      {
        text: `The kidneys filter the whole of the blood dozens of times a day. Of 180 litres that pass their fine
          sieves, all but one or two are taken back, along with salt and sugar, and the rest leaves as urine. They
          also tell the bone marrow when more red cells are required.`,
        query: 'which organs clean waste from our circulation and produce pee',
      },
      {
        title: 'Why we hiccup',
        text: `A hiccup is a sudden cramp of the diaphragm, after which the vocal cords clap shut and make the familiar
          sound. Eating in haste, fizzy drinks and excitement set it off. Holding your breath helps some people,
          since the rising carbon dioxide in the blood calms the nerve involved.`,
        query: 'what causes those annoying involuntary spasms in the chest after a quick meal or soda',
      },
      {
        text: `Without the lens of the eye we would see nothing clearly. Muscles around it make it rounder for near
          things and flatter for far ones. From the age of forty-five or so it becomes stiff, the arms get too short
          for the newspaper, and most of us buy reading glasses.`,
        query: 'middle-aged folks having trouble focusing on close print with their vision',
      },
      {
        title: 'Taste and smell',
        text: `The tongue itself knows only sweet, sour, salty, bitter and savoury. All finer differences, between a
          strawberry and a peach, say, come from vapours that reach the nose through the throat. That is why food
          seems dull during a cold, and why people who lose their sense of smell lose their appetite.`,
      },
      {
        text: `While you are asleep, the brain rehearses what it learned by day. In deep slow waves it moves facts into
          long-term storage, and in the phase with rapid eye movements it practises skills and sorts feelings.
          Students who stay awake all night before an exam therefore remember less.`,
        query: 'does a good rest in bed improve memory',
      },
      {
        title: 'Broken bones',
        text: `A fractured bone mends itself. A clot of blood fills the gap first, cells turn it into soft cartilage
          within two weeks, and this hardens in the following months. A plaster cast does not heal anything; it only
          holds the ends still in the correct position until nature has finished.`,
        query: 'how does a skeleton repair after somebody snaps a leg or an arm',
      },
      {
        text: `Babies are born with a grasping reflex strong enough to hang by. Stroke the palm and the fingers close;
          touch the cheek and the mouth searches for the breast. Most of these early reflexes vanish within half a
          year, and doctors check them to see that the nervous system is developing well.`,
        query: 'automatic responses of tiny infants, such as clutching and rooting',
      },
      {
        title: 'The immune system remembers',
        text: `When a virus enters for the first time, it takes days until the right antibodies are found and produced in
          numbers. Afterwards some of the cells that made them live on for decades. The second time they start at
          once, and the intruder is beaten before we notice anything. Vaccines make use of this.`,
        query: 'why do you rarely catch measles twice, and how do jabs protect against disease',
      },
      {
        text: `Left-handed people make up about a tenth of mankind, and have done so since the stone age, as cave
          paintings and worn tools show. The preference can be seen in the womb, where most babies suck one thumb
          rather than the other. Genes explain only a quarter of it.`,
      },
    ],
  },
  {
    name: 'rocks and landforms',
    articles: [
      {
        title: 'How caves form',
        text: `Rain picks up carbon dioxide from the soil and becomes a weak acid. As it trickles through cracks in
          limestone it dissolves a little of the rock, and after a hundred thousand years there is a cavern. Where
          drops evaporate, the mineral comes out again and grows into stalactites.`,
        query: 'underground hollows with hanging icicles of calcite, and what carved them',
      },
      {
        text: `Granite forms deep below the surface, where molten rock cools so slowly that crystals have time to become
          visible. It comes to light when everything above has been worn away. Polished slabs of it serve as kitchen
          counters and kerbs, because neither frost nor knives do it much harm.`,
        query: 'hard speckled igneous stone used for worktops, born from magma',
      },
      {
        title: 'Glaciers as sculptors',
        text: `A glacier is a river of ice that creeps downhill by a few centimetres a day. Stones that are frozen into
          its base scrape the bed like sandpaper, until a narrow valley has become a wide trough with steep sides.
          When it melts, heaps of rubble and long lakes stay behind.`,
        query: 'slowly moving wintry masses that shape mountains into U profiles',
      },
      {
        text: `Earthquakes happen where two plates of the crust are stuck while the forces behind them go on pushing.
          When the fault finally slips, the stored energy runs through the ground as waves. The first ones to arrive
          do little damage, and give automatic alarms a few seconds before the strong ones come.`,
        query: 'why does the land shake suddenly and can people be warned',
      },
      {
        title: 'Sand dunes',
        text: `Wind blows grains up the gentle back of a dune and lets them tumble down its steep front, so that the
          whole hill wanders. Some advance by thirty metres a year and bury roads and oases. Planting tough grass,
          or laying out squares of straw, can bring one to a halt.`,
      },
      {
        text: `Volcanoes that lie over a hot spot form a chain, as on Hawaii. The source of the heat remains where it is
          while the ocean floor drifts across it, and every few million years a new island breaks through the sea.
          The older ones cool, sink and end as coral atolls.`,
        query: 'how did a row of Pacific archipelago peaks arise from lava as the plate moved',
      },
      {
        title: 'Coal',
        text: `Coal is what swamps of the Carboniferous have left us. Fallen ferns and trees sank into water without
          oxygen and turned to peat instead of rotting, and the weight of later mud squeezed it into black seams. In
          every piece there is sunlight caught three hundred million years ago.`,
        query: 'fossil fuel made of prehistoric forest plants, dug by miners',
      },
      {
        text: `A river that reaches flat country begins to swing from side to side. The current eats into the outer bank
          of each bend and drops silt at the inner one, so that the curves grow until the water cuts through the
          neck. What is left is a lake in the shape of a horseshoe.`,
        query: 'meandering streams and the origin of oxbow ponds',
      },
      {
        title: 'Diamonds',
        text: `Diamonds are pure carbon that was pressed together some 150 kilometres down and carried up by rare,
          violent eruptions. Nothing natural is harder, which is why most of those mined today end in drills and
          saws and not in rings. Machines now grow flawless ones within weeks.`,
        query: 'the toughest gemstone, also valuable for industrial cutting as well as jewellery',
      },
      {
        text: `A delta builds up where a river enters the sea and loses its speed. It drops what it carried, blocks its
          own way and splits into many arms, which spread like a fan. The soil is extremely fertile, so hundreds of
          millions live on such ground, and it sinks under their feet.`,
      },
    ],
  },
];
