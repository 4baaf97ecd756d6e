/** See `../articles.ts` for how these were made. */
import type { ArticleTopic } from '../articles';

export const shop: readonly ArticleTopic[] = [
  {
    name: 'camping gear',
    articles: [
      {
        title: 'Two-person dome tent Fjell 2',
        text: `Two persons and their packs fit into this tent, which weighs 2.1 kilograms and packs to the size of a
          loaf. It is pitched from outside with three aluminium poles, so the inner stays dry in the rain. Seams are
          taped, the floor withstands a column of five metres of water.`,
        query: 'light waterproof shelter for a couple of hikers',
      },
      {
        text: `Filled with duck down from farms that are inspected, the bag keeps an average sleeper warm at five degrees
          below zero. A collar and a flap along the zip hold the heat in. It weighs 950 grams; down must not get
          wet, so a dry sack is included.`,
        query: 'something cosy to spend frosty nights in outdoors, stuffed with feathers',
      },
      {
        title: 'Gas cooker Ember Mini',
        text: `The burner unfolds to the width of a saucepan and boils a litre of water in three minutes and a half. Its
          flame can be turned down far enough for rice. Cartridges with a screw thread fit from all makers; a
          windshield is available separately. Never use it inside a closed tent.`,
        query: 'compact trekking stove with adjustable heat',
      },
      {
        text: `Squeeze the bottle and the water runs through hollow fibres that hold back bacteria and parasites. Two
          thousand litres are possible if it is flushed with a syringe now and then. It is no help against salt or
          chemicals, and must be kept from frost once it has been wet.`,
        query: 'purifier to drink safely from streams on a hike',
      },
      {
        title: 'Trekking poles Trio',
        text: `Three sections of carbon are pushed together and locked with levers that work in gloves. Grips of cork
          soak up sweat, and longer foam below them saves adjusting when the slope changes. Each weighs 190 grams.
          Baskets for snow, and rubber tips for asphalt, come with the pair.`,
      },
      {
        text: `The lamp sits on the forehead with an elastic strap and shines a hundred metres far at its brightest. A
          red mode spares the eyes of the others in the hut. It is charged by USB and lasts six hours, or a hundred
          on the lowest level; the cell can be changed.`,
        query: 'hands free torch for walking in the dark',
      },
      {
        title: 'Rucksack Alta 45',
        text: `Forty-five litres, a back length that can be altered, and a belt that shifts the load from the shoulders
          to the hips. The main compartment opens at the front too, so the sweater at the bottom is within reach. A
          rain cover is tucked into the base. Made of recycled nylon.`,
        query: 'comfortable bag to carry on multi day tours',
      },
      {
        text: `Insulated with foam and inflated by itself, the mat needs but a few breaths to become firm. It is five
          centimetres thick, and its R value of 4 is enough for three seasons. Two press together for couples. A
          repair patch is hidden in the bag.`,
        query: 'padded sleeping surface that protects from the cold ground',
      },
      {
        title: 'Hammock Lagoon',
        text: `Parachute silk that carries two hundred kilograms and shrinks to the bulk of an orange. Straps five metres
          long go round the trunk without harming the bark, and loops replace all knots. With the zipped net, which
          is sold as a set, mosquitoes remain outside.`,
        query: 'hanging bed tied between trees, with insect protection on demand',
      },
      {
        text: `In this dry box of clear plastic, papers, telephone and matches survive a capsized canoe. The seal is of
          silicone and the lid shuts with two clasps. It floats with up to a kilogram in it. Inside there is a layer
          of foam that you can cut to shape.`,
      },
    ],
  },
  {
    name: 'kitchen goods',
    articles: [
      {
        title: 'Cast iron pot, 4.5 litres',
        text: `A heavy pot for stews and bread, enamelled in dark blue. Cast iron spreads heat evenly and stores it, so
          that the flame may be small. Studs inside the lid let the steam drip back over the roast. For every kind
          of hob, induction too, and for the oven up to 250 degrees.`,
        query: 'Dutch casserole for braising that goes on any stove',
      },
      {
        text: `Forty-eight layers of steel with a core that keeps its edge for months. The blade is eighteen centimetres
          long and the handle of oak fits right and left hands. Do not put it into the dishwasher. Once a year we
          grind it for you; you pay just the postage.`,
        query: "premium chef's knife with a free sharpening service",
      },
      {
        title: 'Kettle Tempo',
        text: `Choose any temperature between forty and a hundred degrees, for green tea or for filter coffee, and the
          kettle holds it for half an hour. The slim spout pours in a thin stream. It switches itself off when
          empty. Chalk collects in a strainer that can be taken out.`,
        query: 'electric hot water jug with variable heat control',
      },
      {
        text: `Our grinder has conical burrs of steel and forty settings, from espresso to French press. It turns slowly
          so as not to heat the beans, and doses by weight instead of time. The hopper holds a week's supply and
          comes off with a twist, without spilling.`,
        query: 'device that mills coffee as finely as I want',
      },
      {
        title: 'Scales to a tenth of a gram',
        text: `Weighs up to three kilograms, and shows tenths below five hundred grams, as yeast and saffron demand. The
          plate of glass is wiped clean in a moment. Tare and timer have keys of their own; the display glows, and
          can be pulled out from beneath a wide bowl.`,
      },
      {
        text: `Five lids of silicone stretch over bowls, halved melons and open tins and seal them without cling film.
          They stand the freezer, the microwave and the dishwasher. Diameters run from seven to twenty-two
          centimetres; a rim with a tab makes it easy to pull them off.`,
        query: 'reusable elastic covers for storing food, plastic wrap replacement',
      },
      {
        title: 'Non-stick pan Volta',
        text: `The coating is ceramic and contains no fluorine. Eggs slide over it with hardly any butter. It lasts two
          to three years if you use wood instead of metal and medium heat. The base of aluminium is thick enough not
          to warp; the handle comes off for the oven.`,
        query: 'PFAS free skillet to which omelettes do not adhere',
      },
      {
        text: `The mixer kneads two kilograms of dough without wandering across the worktop. Hook, whisk and beater are
          of steel, the bowl holds five litres. On the hub in front fit a mincer, a pasta roller and a mill, also
          those for the model of 1990. The motor is guaranteed for ten years.`,
        query: 'powerful stand machine for bakers, with attachments',
      },
      {
        title: 'Lunch box with compartments',
        text: `Salad on the left, curry on the right, nuts in the middle: walls that can be moved and a rubber seal keep
          apart what does not belong together. Stainless steel, dishwasher safe, with a clip at each side that
          children can open. Without the seal it goes into an oven.`,
        query: 'leakproof metal container to carry a packed meal to school',
      },
      {
        text: `Linen cloths dry glasses without fluff, because the fibres are long, and they get softer with every boil.
          Each measures fifty by seventy centimetres and has a loop. The stripes are woven, not printed. Sold in
          threes, and made in a mill in Silesia that has run since 1880.`,
      },
    ],
  },
  {
    name: 'furniture',
    articles: [
      {
        title: 'Desk that rises',
        text: `Two quiet motors lift the top from sitting to standing height in twelve seconds, with eighty kilograms on
          it. Four heights can be stored. If it meets a knee or a drawer it stops and backs up. The frame is steel;
          tops of bamboo or beech are ordered separately.`,
        query: 'electrically adjustable office table for people who tire of their chair',
      },
      {
        text: `Pull the seat forward, fold the back down and the sofa is a bed for two, 140 centimetres wide, on slats
          and not on springs. The box below holds the bedding. Covers can be taken off and washed at forty degrees,
          and there are eleven colours.`,
        query: 'convertible couch for overnight visitors with hidden storage',
      },
      {
        title: 'Bookcase Ladder',
        text: `Five shelves of solid oak, shallow at the top and deeper towards the floor, lean against the wall and need
          a single screw. Each carries twenty kilograms. As the uprights are slim, two or three side by side look
          like one. Felt under the feet spares the parquet.`,
        query: 'sloping wooden rack for novels and plants',
      },
      {
        text: `This chair follows every movement: the seat tilts, the back gives way, and the lumbar pad can be set
          higher or lower. Mesh keeps you cool in summer. Armrests turn in three directions. Tests ran for a hundred
          thousand sittings, hence our warranty of twelve years.`,
        query: 'ergonomic swivel furniture that supports the spine at the computer',
      },
      {
        title: 'Bunk bed Pirate',
        text: `Two mattresses of 90 by 200 centimetres, a ladder that may hang left or right, and a rail thirty
          centimetres high. Later it becomes two single beds. Children below six should not sleep in the upper one.
          The pine is oiled, not lacquered, and smells of nothing but wood.`,
      },
      {
        text: `A round table for four becomes an oval for eight: the second leaf is stored beneath the first and swings
          out with one hand. Walnut veneer on a core of plywood, with a column instead of legs, so nobody straddles
          a post. Sealed with a hard wax that forgives red wine.`,
        query: 'extendable dining furniture without corner supports',
      },
      {
        title: 'Wardrobe with sliding doors',
        text: `Where a swing door would hit the bed, two panels glide past each other on runners that brake before the
          end. One is a mirror down to the floor. Inside are two rails, six shelves and a drawer for jewellery.
          Delivered by two carriers, who assemble it in two hours.`,
        query: 'space saving closet to hang clothes in a narrow bedroom',
      },
      {
        text: `Memory foam of medium firmness on a core of pocket springs: it yields at the shoulder and holds the waist.
          The cover is divided by a zip and fits a machine. Sleep on it for a hundred nights; if it does not suit
          you, we fetch it and give it to a shelter.`,
        query: 'mattress with a generous home trial',
      },
      {
        title: 'Floor lamp Heron',
        text: `The long neck bends where you want it and stays there. Its light can be dimmed by touch from cold white
          for reading to the glow of a candle, and the diodes last for twenty-five years of evenings. The foot, five
          kilograms of stone, defies cats and vacuum cleaners.`,
        query: 'standard luminaire beside the armchair, with variable brightness, for book lovers',
      },
      {
        text: `Wool from New Zealand, knotted by hand in Nepal at a hundred knots to the square inch, by adults and under
          a seal that proves it. The rug sheds fluff for three months, which is normal. Vacuum without a brush, turn
          it once a year, and dab spills with fizzy water.`,
      },
    ],
  },
  {
    name: 'clothing',
    articles: [
      {
        title: 'Rain jacket Skye',
        text: `Three layers keep out rain for a whole day and let sweat pass. The hood fits over a helmet and turns with
          the head, the zips under the arms are for climbs. It contains no fluorine; wash it with soap and tumble it
          warm, which renews the beading of drops.`,
        query: 'breathable waterproof coat for hikers and cyclists',
      },
      {
        text: `Trousers of sturdy cotton with a knife pocket, a loop for the hammer and knees into which pads are
          slipped. A gusset lets you kneel and climb without tearing a seam. Wash at sixty degrees. The inside leg
          comes in six lengths, and hemming is done for nothing.`,
        query: 'durable workwear pants for carpenters and other craftsmen',
      },
      {
        title: 'Merino shirt, short sleeves',
        text: `Fine merino does not itch, cools in the heat and warms in the cold, and can be worn for days before it
          smells. The sheep come from farms that do not practise mulesing. Wash on the wool programme with the shirt
          inside out, and let it dry lying flat.`,
        query: 'odour resistant natural top for travellers who pack light',
      },
      {
        text: `Our running shoe for beginners rolls softly over asphalt, with a drop of eight millimetres from heel to
          toe. The upper is knitted in one piece. After some seven hundred kilometres the foam is tired: send the
          pair back and get a tenth off the next one.`,
        query: 'cushioned footwear for people who start jogging on roads',
      },
      {
        title: 'Swimsuit from fishing nets',
        text: `Old nets brought up by divers are turned into a yarn that stands chlorine, sun cream and salt. The straps
          cross at the back and can be tied, the cut is high enough for laps. Rinse it in clear water and do not
          wring. Also available with long sleeves that block ultraviolet rays.`,
      },
      {
        text: `Winter boots with a lining of lambskin and a sole that grips on ice thanks to crushed glass in its rubber.
          They are watertight to the ankle and good down to thirty below. Pull loops help with gloves on. Order one
          size up if you wear thick socks.`,
        query: 'insulated snow shoes that do not slip on frozen pavements',
      },
      {
        title: 'Suit to measure',
        text: `Stand before your phone in tight clothes for a minute, and the app takes thirty measures. A tailor in
          Naples cuts jacket and trousers from the cloth you chose, and ships them in three weeks. We pay for
          alterations at a local workshop up to eighty euros.`,
        query: 'custom made formal wear ordered online using body scanning',
      },
      {
        text: `These tights are knitted without a seam and strengthened at the heel, and guaranteed against ladders for
          six months. If one runs, send a picture and a fresh pair is on its way. The opaque kind has sixty denier.
          They come in nine skin tones from ivory to espresso.`,
        query: 'hosiery that does not tear, else they replace it',
      },
      {
        title: 'Cap with ear flaps',
        text: `Waxed cotton outside, fleece inside, and flaps that button on top or under the chin. The peak bends and
          keeps its form, so that it shades the eyes in low sun. One size adjusts by a lace. Made in Scotland by
          nine people in a former chapel.`,
        query: 'warm headgear for chilly windy days in the countryside',
      },
      {
        text: `Jeans of raw denim are stiff at first and shrink by a size in the first wash. Wear them for half a year
          before, says tradition, and they fade along the creases of your own life. Copper rivets, a button fly, and
          a hem stitched on a machine of 1920.`,
      },
    ],
  },
];
