/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const household: readonly ArticleTopic[] = [
  {
    name: 'cooking',
    articles: [
      {
        title: 'How to rescue a curdled sauce',
        text: `Hollandaise splits when it gets too warm or when the butter goes in too fast. Put a fresh yolk and a
          spoonful of water into a clean bowl and whisk the broken sauce into it drop by drop. If it is merely too
          thick, a little hot water loosens it.`,
        query: 'my egg emulsion separated, can I fix it',
      },
      {
        text: `Salt pasta water generously, with about ten grams for each litre, since the noodles are seasoned only
          while they swell. Oil in the pot does nothing except keep the gravy from clinging. Save a cup of the
          cloudy water before you drain; its starch binds everything together in the pan.`,
        query: 'correct boiling of spaghetti and what the leftover liquid is good for',
      },
      {
        title: 'Resting meat',
        text: `Leave a roast on the board for a quarter of an hour before you carve it. The heat evens out, the fibres
          relax and the juice thickens, so that it stays in the slice instead of running over the plate. The core
          climbs a few degrees meanwhile, so stop early.`,
        query: 'why should one wait after taking the joint from the oven prior to cutting',
      },
      {
        text: `Onions turn brown and sweet only if you are patient. Slice them thin, cook them in butter over a low flame
          for forty minutes and stir now and then, with a splash of water when they stick. Recipes that promise the
          result in ten are lying.`,
        query: 'slow caramelising of a pungent bulb vegetable',
      },
      {
        title: 'Sharpening knives',
        text: `A blunt blade slips, so it is more dangerous than a keen one. Draw it over a wet stone at an angle of
          twenty degrees, first the coarse side and then the fine, until you feel a burr. The steel rod in the
          drawer does not sharpen; it straightens the edge.`,
      },
      {
        text: `Rinse the grains until the water runs clear, then simmer them with one and a half times their volume of
          water under a tight lid for twelve minutes. Switch off, do not peek, and let them steam for ten more. A
          fork, never a spoon, brings out the loose texture.`,
        query: 'method for fluffy boiled basmati that does not turn into mush',
      },
      {
        title: 'Freezing leftovers',
        text: `Cool soup and stew quickly in a basin of cold water before they go into the freezer, in flat bags with a
          label. They thaw faster that way and can be stacked. Cream, boiled potatoes and lettuce come out badly;
          bread, berries and stock do very well.`,
        query: 'which prepared dishes can be stored at minus eighteen and how to portion them',
      },
      {
        text: `Dried chickpeas are soaked overnight and boiled for over an hour, with a pinch of baking soda to soften
          the skins. Blend them while still hot with sesame paste, lemon, garlic and ice water. Spread on a plate
          with olive oil, the dip is better than any from a tub.`,
        query: 'homemade hummus recipe with smooth consistency',
      },
      {
        title: 'The smoke point',
        text: `Every fat has a temperature at which it begins to smoke, tastes burnt and forms harmful substances. Butter
          gets there at 150 degrees, refined rapeseed oil beyond 200. For a steak take the latter, add butter for
          its flavour at the end, and air the kitchen.`,
        query: 'what to fry with at high heat without it becoming toxic',
      },
      {
        text: `Yeast dough rises in the fridge as well as in a warm corner, only far more slowly. Overnight it gains
          flavour, is easier to shape, and waits for you rather than you for it. Take it out an hour before baking,
          and use half the yeast that the recipe names.`,
      },
    ],
  },
  {
    name: 'garden',
    articles: [
      {
        title: 'Making compost',
        text: `Layer kitchen scraps and grass with twigs, straw or torn cardboard, so that air gets in. The heap should
          be as moist as a wrung sponge and will heat up by itself. Turn it twice; after nine months it smells of
          woods. Meat, cooked food and the litter of cats do not belong in it.`,
        query: 'rotting household peelings down to rich humus for flower beds',
      },
      {
        text: `Slugs come out at dusk and follow the moisture, so water in the morning. Copper tape round a raised bed
          keeps them off as long as it is clean. Collect them by torch under a board laid out as shelter; beer traps
          attract those of the neighbours as well.`,
        query: 'slimy pests devour my lettuce, what can I do against them',
      },
      {
        title: 'Pruning apple trees',
        text: `Cut in late winter, on a dry day, before the buds swell. Remove what grows inward, crosses or stands
          upright, until you could throw a hat through the crown. Do not take more than a quarter in one year, or
          the tree answers with a forest of shoots without fruit.`,
        query: 'when and how to trim an orchard for a better harvest',
      },
      {
        text: `Tomatoes want sun, a roof against the rain and an even supply of water. Break out the side shoots in the
          corners of the leaves and tie the stem to a stake. Brown rot spreads from wet foliage, so pour at the foot
          and leave air between the plants.`,
        query: 'growing red salad fruits on the balcony and avoiding blight disease',
      },
      {
        title: 'A lawn that survives summer',
        text: `Mow high and often rather than short and seldom, and leave the clippings where they fall. One thorough
          watering a week sends roots down, a daily sprinkle keeps them near the surface. Brown grass in August is
          asleep, not dead, and turns green after the first good rain.`,
      },
      {
        text: `Peat is dug from bogs that took thousands of years to form, and releases its carbon when it dries. Buy
          soil that says it contains none; merely organic on the label means nothing. Mixtures of bark, wood fibre
          and green waste hold less water and want more fertiliser.`,
        query: 'eco friendly potting mix that spares wetlands',
      },
      {
        title: 'Flowers for bees',
        text: `Wild bees need blossom from March to October and a place to nest. Crocus, sage, thyme and ivy feed them;
          double roses and forsythia look pretty and offer nothing. Leave a patch of bare, sunny ground, as most
          species dig, and few care for the hotels on sale.`,
        query: 'helping native pollinators with suitable planting and habitat',
      },
      {
        text: `Garlic is set in October, clove by clove, with the tip up and a hand's breadth apart. It needs frost in
          order to divide. Pull it up in July when the lower half of the leaves is yellow, and dry it in bundles
          under a roof. Cloves from the supermarket seldom thrive.`,
        query: 'autumn planted bulbs that keep vampires away, harvested midsummer',
      },
      {
        title: 'Watering while you are away',
        text: `Push a full bottle upside down into the pot, or run a woollen thread from a bucket into the soil, and a
          houseplant gets through two weeks. Group all of them in the bath, out of the sun. Try the arrangement
          before you leave, since every soil draws differently.`,
        query: 'keep indoor greenery alive during my vacation without asking anyone',
      },
      {
        text: `Moles eat grubs and worms, not roots, and are protected in many countries. Their hills are excellent loose
          earth for seedlings. If you cannot bear them, sound and smell may move one to the next garden for a while;
          traps and poison are forbidden, and the vacant tunnels soon find a new tenant.`,
      },
    ],
  },
  {
    name: 'repairs',
    articles: [
      {
        title: 'A dripping tap',
        text: `Nine drips out of ten come from a worn washer. Shut the valve beneath the basin, open the tap to empty it,
          unscrew the handle and pull out the insert. Take the old ring to the shop, as sizes differ by a
          millimetre. Ceramic cartridges are replaced as a whole.`,
        query: 'leaky faucet in the bathroom, do it yourself fix',
      },
      {
        text: `Before you drill, find out what is in the wall. Cables run straight up, down or sideways from sockets and
          switches, pipes rise from radiators and taps. A detector for thirty euros beeps at both. If a bit suddenly
          meets no resistance or brings out wet dust, stop and think.`,
        query: 'avoid hitting electrical wires or plumbing when making holes for shelves',
      },
      {
        title: 'Mould in the bedroom',
        text: `Black spots behind the wardrobe mean that warm, damp air meets a cold surface. Move furniture away from
          outside walls, keep the room above sixteen degrees and open the window wide for five minutes three times a
          day. Wipe small patches with alcohol; above half a square metre call an expert.`,
        query: 'fungus growing indoors because of condensation, prevention through ventilation and heating',
      },
      {
        text: `A fuse that trips again as soon as you reset it wants to tell you something. Unplug everything on that
          circuit and switch it on; if it holds, plug devices in one by one until the culprit shows. If it trips
          with nothing connected, the fault is in the wiring: get an electrician.`,
        query: 'breaker keeps cutting the power, which appliance is to blame',
      },
      {
        title: 'Painting a room',
        text: `Empty the room, tape the edges and cover the floor with fleece, not with plastic, on which you slip. Begin
          with the ceiling, starting at the window and working away from the light. Roll first one way and then
          across, wet into wet. Peel off the tape before the paint is dry.`,
      },
      {
        text: `A door that scrapes over the floor has usually dropped on its hinges. Lift it off, slip a ring of brass
          over each pin and hang it again. Should it stick at the side in humid weather only, plane a hair off the
          edge, but wait until winter to see how much.`,
        query: 'wooden entrance rubbing against the ground, raise it with washers',
      },
      {
        title: 'A blocked drain',
        text: `Hair and soap close a shower drain, grease that of a kitchen. Try a plunger first, with the overflow
          covered by a wet rag; then unscrew the trap over a bucket. Chemical cleaners attack old pipes and your
          eyes, and the lump they melt sets hard again further along.`,
        query: 'clogged sink does not empty, free it without caustic products',
      },
      {
        text: `Bleed the radiators in autumn if they gurgle or stay lukewarm at the top. Turn the pump off, open the
          little valve with a square key, hold a cup below, and close it when water comes instead of hiss.
          Afterwards look at the gauge on the boiler and refill if it is low.`,
        query: 'remove trapped air from central heating so that it gets properly hot',
      },
      {
        title: 'Squeaking floorboards',
        text: `Boards squeak where they have come loose and rub on a nail. Walk about to find the joist, then drive two
          screws at opposite angles through the wood into it. Talcum powder brushed into the gap silences a floor
          for a season, if you may not screw.`,
        query: 'noisy timber planks underfoot when I step on them',
      },
      {
        text: `A scratch in a varnished table disappears when you rub half a walnut along it and polish with a cloth: the
          oil of the kernel darkens the pale line. Deeper ones are filled with a stick of wax that matches the
          grain. White rings from hot cups yield to a warm iron over cotton.`,
      },
    ],
  },
  {
    name: 'pets',
    articles: [
      {
        title: "A puppy's first weeks",
        text: `Fetch the puppy at eight to ten weeks and let it sleep beside your bed. Carry it outside after every meal,
          nap and game, and praise it when it does its business there. It should meet children, traffic, bicycles
          and vets before the fourth month, while it is still open to everything.`,
        query: 'housetraining and socialising a young dog that just arrived',
      },
      {
        text: `Cats scratch to mark their territory and to shed the sheaths of their claws, and no scolding will end it.
          Offer a post that is tall enough for a full stretch and does not wobble, right beside the sofa that they
          have chosen. Aluminium foil makes the old spot unpleasant.`,
        query: 'my kitty ruins the upholstery, how to redirect her',
      },
      {
        title: 'Chocolate is poison for dogs',
        text: `Theobromine, harmless to us, lingers in a dog's body for a day. A bar of dark chocolate can kill a small
          terrier; restlessness, vomiting and cramps appear after some hours. Ring the vet at once with the weight
          of the animal and the cocoa content, and do not wait for symptoms.`,
        query: 'puppy swallowed cacao sweets, is it toxic and what now',
      },
      {
        text: `Rabbits are not pets for a cage in the nursery. They need company of their own kind, several square metres
          and hay at all times, since their teeth never stop growing. One that sits still and does not eat for half
          a day is an emergency, as its gut has come to rest.`,
        query: 'keeping bunnies properly, with space, friends and a diet against overlong incisors',
      },
      {
        title: 'Ticks on cats and dogs',
        text: `Feel through the coat after each walk, above all round ears, neck and armpits. Turn the tick out with a
          hook close to the skin, without oil or glue, which make it spit. Drops on the nape protect for a month;
          those meant for dogs may be fatal to a cat.`,
      },
      {
        text: `Goldfish in a bowl die young, of ammonia from their own waste. Give a pair of them at least a hundred
          litres, a filter and two weeks in which bacteria can settle before they move in. Change a third of the
          water weekly, and never all of it, at equal temperature.`,
        query: 'proper aquarium setup for ornamental carp, cycling the tank',
      },
      {
        title: 'Leaving an old dog alone',
        text: `A dog that howls when you leave is frightened, not spoilt. Practise with seconds: put on your coat, step
          outside, return before it stirs, and make no fuss of coming or going. Old animals that start it suddenly
          may be going deaf or demented, so have them examined.`,
        query: 'separation anxiety in pets, training for time without the owner',
      },
      {
        text: `Budgerigars live in flocks, so one bird with a mirror is a lonely bird. Two of them need a cage in which
          they can fly, an hour a day outside it, and branches of various thickness for their feet. Fumes of
          overheated non-stick pans kill them within minutes.`,
        query: 'small parrots want companionship, and kitchen vapours from Teflon are deadly',
      },
      {
        title: 'Travelling with a cat',
        text: `Leave the carrier open in the living room for weeks, with a blanket and a treat in it, until it is just
          another bed. Cover it in the car and fasten it with the belt. No food for four hours before the trip;
          abroad, a chip, a rabies jab and a pass are required.`,
        query: 'taking my feline on a journey with as little stress as possible',
      },
      {
        text: `Guinea pigs cannot make vitamin C, just like us, and fall ill without fresh peppers, parsley or grass.
          They talk the whole day: a whistle when the fridge is opened, a purr when stroked, a chatter of teeth as a
          threat. Two males get on only if no female is near.`,
      },
    ],
  },
];
