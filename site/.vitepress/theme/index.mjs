import DefaultTheme from 'vitepress/theme-without-fonts';
import DoubleCharge from './DoubleCharge.vue';
import Layout from './Layout.vue';
import TaskList from './TaskList.vue';
import './site.css';
import './landing.css';

export default {
  extends: DefaultTheme,
  Layout,
  enhanceApp({ app }) {
    app.component('DoubleCharge', DoubleCharge).component('TaskList', TaskList);
  },
};
